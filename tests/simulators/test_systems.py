"""Each system does the work of its commands, and what it publishes carries what contract.md section 2 asks."""

from __future__ import annotations

from typing import Any

import pytest

from engine.events import read_event
from engine.systems import BY_COMMAND_TYPE, BY_EVENT_TYPE, SYSTEMS
from simulators.chance import Chance
from simulators.systems import all_systems
from simulators.systems.base import CannotDoError, Done, TapSystem
from simulators.systems.campaign_tracker import REPORT_EVERY, CampaignTracker
from simulators.systems.email_engine import EmailEngine
from simulators.systems.list_builder import ListBuilder
from simulators.values import Moment, Publication
from tests.simulators.commands import NOW, PAYLOADS, command


def system_of(kind: str, seed: int = 1) -> TapSystem:
    return next(system for system in all_systems(Chance(seed), 100) if system.name == BY_COMMAND_TYPE[kind].name)


def test_the_six_are_those_of_the_contract() -> None:
    assert {system.name for system in all_systems(Chance(1), 100)} == {system.name for system in SYSTEMS}


@pytest.mark.parametrize("kind", sorted(BY_COMMAND_TYPE))
def test_every_command_of_the_contract_is_done(kind: str) -> None:
    assert system_of(kind).perform(command(kind, PAYLOADS[kind]), NOW).output


@pytest.mark.parametrize("kind", sorted(BY_COMMAND_TYPE))
def test_a_command_without_its_payload_is_refused_by_field(kind: str) -> None:
    with pytest.raises(CannotDoError, match="payload"):
        system_of(kind).perform(command(kind, {}), NOW)


@pytest.mark.parametrize(
    ("kind", "event_type"),
    [
        ("update_segment", "segment_updated"),
        ("tag_contact", "contact_tagged"),
        ("notify_user", "context_updated"),
        ("update_cmg_node", "success_fingerprint_updated"),
    ],
)
def test_the_direct_work_of_a_command_names_it_and_copies_its_depth_and_owner(kind: str, event_type: str) -> None:
    (published,) = system_of(kind).perform(command(kind, PAYLOADS[kind]), NOW).publications
    assert published.due_ms == NOW.now_ms
    assert published.event["type"] == event_type
    assert published.event["source"] in BY_EVENT_TYPE[event_type].sources
    assert published.event["metadata"] == {
        "userId": "user_001", "workspaceId": None, "causedBy": "command-1", "depth": 3,
    }  # fmt: skip


def deeds(seed: int, scale: float = 1.0) -> list[dict[str, Any]]:
    engine, events = EmailEngine(Chance(seed)), []
    for number in range(200):
        payload = {**PAYLOADS["send_email_campaign"], "toContactIds": [f"contact_{number}"]}
        done = engine.perform(command("send_email_campaign", payload, identity=f"c{number}"), Moment(NOW.now_ms, scale))
        events += [{**published.event, "due": published.due_ms} for published in done.publications]
    return events


def test_a_send_leads_to_opens_clicks_and_replies_that_nobodys_command_did() -> None:
    events = deeds(1)
    kinds = [event["type"] for event in events]
    assert 50 < kinds.count("email_open") < 150
    assert kinds.count("email_open") > kinds.count("email_click") > kinds.count("email_reply") > 0
    assert all(event["metadata"] == {"userId": "user_001", "workspaceId": None} for event in events)
    assert all(event["source"] == "email_engine" for event in events)
    assert all(event["due"] > NOW.now_ms for event in events)


def test_people_do_the_same_again_with_the_same_seed() -> None:
    assert deeds(1) == deeds(1) != deeds(2)


def test_people_are_as_much_faster_as_the_time_scale_says() -> None:
    real, scaled = deeds(1), deeds(1, 3600.0)
    assert [event["id"] for event in real] == [event["id"] for event in scaled]
    for slow, fast in zip(real, scaled, strict=True):
        assert abs((slow["due"] - NOW.now_ms) / 3600 - (fast["due"] - NOW.now_ms)) < 3


def test_a_click_comes_after_its_open() -> None:
    events = deeds(1)
    opened = {event["payload"]["emailId"]: event["due"] for event in events if event["type"] == "email_open"}
    assert all(event["due"] >= opened[event["payload"]["emailId"]] for event in events)


def test_a_follow_up_waits_until_it_is_scheduled_and_belongs_to_the_first_campaign() -> None:
    published: list[Publication] = []
    for number in range(20):
        done = system_of("schedule_followup").perform(
            command("schedule_followup", PAYLOADS["schedule_followup"], identity=f"c{number}"), NOW
        )
        published += done.publications
    assert published
    assert all(publication.due_ms > NOW.now_ms + 2 * 86_400_000 for publication in published)
    assert {publication.event["payload"]["campaignId"] for publication in published} == {"campaign_1"}


def test_people_tire_so_that_flows_that_feed_each_other_end() -> None:
    engine, opens = EmailEngine(Chance(1)), 0
    for number in range(100):
        payload = {**PAYLOADS["send_email_campaign"], "toContactIds": ["contact_1"]}
        done = engine.perform(command("send_email_campaign", payload, identity=f"c{number}"), NOW)
        opens += sum(published.event["type"] == "email_open" for published in done.publications)
    assert opens <= 4


def segment_event(contact: str, action: str, caused_by: str | None = None) -> dict[str, Any]:
    payload = {"contactId": contact, "segmentId": "warm", "action": action}
    return {"type": "segment_updated", "payload": payload, "metadata": {"causedBy": caused_by}}


def test_a_campaign_to_a_segment_reaches_its_members() -> None:
    engine = EmailEngine(Chance(1))
    for contact in ("contact_1", "contact_2", "contact_3"):
        engine.hear(segment_event(contact, "add"), NOW)
    engine.hear(segment_event("contact_2", "remove"), NOW)
    assert engine.perform(command("send_email_campaign", {"toSegmentId": "warm"}), NOW).output["sent"] == 2
    assert engine.perform(command("send_email_campaign", {"toSegmentId": "nobody"}), NOW).output["sent"] == 0


def change(builder: ListBuilder, action: str) -> Done:
    return builder.perform(command("update_segment", {**PAYLOADS["update_segment"], "action": action}), NOW)


def test_a_change_of_a_list_that_changes_nothing_is_not_announced() -> None:
    builder = ListBuilder()
    assert change(builder, "remove").publications == ()
    assert change(builder, "add").publications
    assert change(builder, "add").publications == ()
    assert change(builder, "remove").publications
    builder.hear(segment_event("contact_1", "add"), NOW)
    assert change(builder, "add").output["changed"] is False


def test_a_list_is_not_set_back_by_hearing_late_of_its_own_work() -> None:
    builder = ListBuilder()
    change(builder, "add")
    change(builder, "remove")
    builder.hear(segment_event("contact_1", "add", caused_by="command-1"), NOW)
    assert change(builder, "add").output["changed"] is True


def test_tags_are_known_from_what_people_did() -> None:
    builder = ListBuilder()
    tag = command("tag_contact", PAYLOADS["tag_contact"])
    builder.hear({"type": "contact_added", "payload": {"contactId": "contact_1", "tags": ["vip"]}}, NOW)
    assert builder.perform(tag, NOW).publications == ()
    builder.hear({"type": "contact_untagged", "payload": {"contactId": "contact_1", "tag": "vip"}}, NOW)
    assert builder.perform(tag, NOW).publications


def mail_event(kind: str, contact: int, identity: str) -> dict[str, Any]:
    payload = {"campaignId": "campaign_1", "contactId": f"contact_{contact}"}
    return {"id": identity, "type": kind, "payload": payload, "metadata": {"userId": "user_001"}}


def test_the_tracker_counts_people_and_tells_the_figures_now_and_then() -> None:
    tracker = CampaignTracker(audience=50)
    told = [tracker.hear(mail_event("email_open", number % 10, f"e{number}"), NOW) for number in range(REPORT_EVERY)]
    told.append(tracker.hear(mail_event("email_click", 3, "click"), NOW))
    assert [number for number, reports in enumerate(told) if reports] == [0, REPORT_EVERY]
    (report,) = told[-1]
    assert report.event["source"] == "tracker"
    assert report.event["payload"]["metrics"] == {
        "totalSent": 50, "totalOpened": 10, "totalClicked": 1, "totalReplied": 0,
        "openRate": 0.2, "clickRate": 0.02, "replyRate": 0.0,
    }  # fmt: skip


def test_a_rate_is_never_more_than_one() -> None:
    tracker = CampaignTracker(audience=1)
    reports = [tracker.hear(mail_event("email_open", number, f"e{number}"), NOW) for number in range(50)]
    rates = [report.event["payload"]["metrics"]["openRate"] for found in reports for report in found]
    assert rates
    assert max(rates) <= 1


def test_a_mail_without_a_campaign_is_in_no_campaigns_figures() -> None:
    event = mail_event("email_open", 1, "e1")
    del event["payload"]["campaignId"]
    assert CampaignTracker(10).hear(event, NOW) == ()


def test_what_systems_publish_is_what_the_engine_reads() -> None:
    for kind, payload in PAYLOADS.items():
        for number in range(20):
            done = system_of(kind, seed=number).perform(command(kind, payload), NOW)
            for published in done.publications:
                event = read_event(dict(published.event), default_id="", default_timestamp_ms=0)
                assert event.id
                assert event.timestamp_ms == published.due_ms
                assert event.subject is not None
                assert event.type in BY_EVENT_TYPE
