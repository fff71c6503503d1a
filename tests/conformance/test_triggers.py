"""Which events each trigger starts on: all keys are optional, and all that are given must match."""

from __future__ import annotations

from typing import Any

import pytest

from engine.events import read_event
from engine.matching import triggers
from engine.nodes.base import TriggerType
from engine.nodes.configs import check_config
from engine.nodes.registry import node_types
from engine.types import FlowId
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version
from tests.support.owed import check_cases

LINK = "https://open.spotify.com/track/1"

CASES: list[tuple[str, dict[str, Any], dict[str, Any], bool]] = [
    ("email_open", {}, {"campaignId": "a"}, True),
    ("email_open", {}, {}, True),
    ("email_open", {"allCampaigns": True}, {"campaignId": "a"}, True),
    ("email_open", {"campaignIds": [], "allCampaigns": True}, {"campaignId": "a"}, True),
    ("email_open", {"campaignId": "a"}, {"campaignId": "a"}, True),
    ("email_open", {"campaignId": "a"}, {"campaignId": "b"}, False),
    ("email_open", {"campaignId": "a"}, {}, False),
    ("email_open", {"campaignId": 17}, {"campaignId": 17}, True),
    ("email_open", {"campaignIds": ["a", "b"]}, {"campaignId": "b"}, True),
    ("email_open", {"campaignIds": ["a", "b"]}, {"campaignId": "c"}, False),
    ("email_open", {"campaignId": "a", "campaignIds": ["b"]}, {"campaignId": "a"}, True),
    ("email_open", {"campaignId": "a", "allCampaigns": True}, {"campaignId": "b"}, False),
    ("email_open", {"campaignId": "a", "allCampaigns": False}, {"campaignId": "a"}, True),
    ("email_open", {"allCampaigns": False}, {"campaignId": "a"}, False),
    ("email_click", {}, {"linkUrl": LINK}, True),
    ("email_click", {"linkUrl": LINK}, {"linkUrl": LINK}, True),
    ("email_click", {"linkUrl": LINK}, {"linkUrl": LINK + "2"}, False),
    ("email_click", {"urlContains": "spotify.com"}, {"linkUrl": LINK}, True),
    ("email_click", {"urlContains": "bandcamp"}, {"linkUrl": LINK}, False),
    ("email_click", {"urlContains": "spotify.com"}, {}, False),
    ("email_click", {"urlContains": "spotify.com", "campaignId": "a"}, {"linkUrl": LINK, "campaignId": "b"}, False),
    ("email_reply", {}, {}, True),
    ("email_reply", {"requiredKeywords": ["Playlist", "add"]}, {"replyText": "On my PLAYLIST now"}, True),
    ("email_reply", {"requiredKeywords": ["playlist"]}, {"replyText": "no thanks"}, False),
    ("email_reply", {"requiredKeywords": ["playlist"]}, {}, False),
    ("email_reply", {"requiredKeywords": []}, {"replyText": "no thanks"}, True),
    ("email_reply", {"requiredKeywords": ["a"], "campaignId": "x"}, {"replyText": "a", "campaignId": "y"}, False),
    ("campaign_created", {}, {}, True),
    (
        "campaign_created",
        {"campaignType": "radio", "genre": "house"},
        {"campaignType": "radio", "genre": "house"},
        True,
    ),
    (
        "campaign_created",
        {"campaignType": "radio", "genre": "house"},
        {"campaignType": "radio", "genre": "folk"},
        False,
    ),
    ("campaign_created", {"campaignType": "radio"}, {}, False),
    ("campaign_status_changed", {}, {"campaignId": "a"}, True),
    ("campaign_status_changed", {"newStatus": "done"}, {"oldStatus": "live", "newStatus": "done"}, True),
    ("campaign_status_changed", {"oldStatus": "draft"}, {"oldStatus": "live", "newStatus": "done"}, False),
    ("campaign_status_changed", {"campaignId": "a", "newStatus": "x"}, {"campaignId": "a", "newStatus": "x"}, True),
    ("campaign_status_changed", {"campaignId": "a"}, {"campaignId": "b"}, False),
    ("asset_uploaded", {}, {"assetId": "x"}, True),
    ("asset_uploaded", {"assetType": "artwork"}, {"assetType": "artwork"}, True),
    ("asset_uploaded", {"assetType": "artwork"}, {"assetType": "audio"}, False),
    ("release_approaching", {}, {}, True),
    ("release_approaching", {"daysUntilRelease": 14}, {"daysUntilRelease": 14.0}, True),
    ("release_approaching", {"daysUntilRelease": 0}, {"daysUntilRelease": 0}, True),
    ("release_approaching", {"daysUntilRelease": 0}, {"daysUntilRelease": False}, False),
    ("release_approaching", {"daysUntilRelease": 14}, {"daysUntilRelease": "14"}, False),
    ("release_approaching", {"releaseType": "ep"}, {"releaseType": "single"}, False),
    ("segment_updated", {}, {"segmentId": "s", "action": "add"}, True),
    ("segment_updated", {"segmentId": "s", "action": "add"}, {"segmentId": "s", "action": "add"}, True),
    ("segment_updated", {"segmentId": "s", "action": "add"}, {"segmentId": "s", "action": "remove"}, False),
    ("segment_updated", {"segmentId": "s"}, {"segmentId": "other", "action": "add"}, False),
    ("contact_added", {}, {}, True),
    ("contact_added", {"source": "referral"}, {"source": "import"}, False),
    ("contact_added", {"requiredTags": ["a", "b"]}, {"tags": ["b", "c", "a"]}, True),
    ("contact_added", {"requiredTags": ["a", "b"]}, {"tags": ["a"]}, False),
    ("contact_added", {"requiredTags": ["a"]}, {}, False),
    ("contact_added", {"requiredTags": []}, {}, True),
]


@pytest.mark.parametrize(("subtype", "config", "payload", "starts"), CASES)
def test_a_trigger_starts_on(subtype: str, config: dict[str, Any], payload: dict[str, Any], *, starts: bool) -> None:
    driver = FlowDriver(version({"t": (subtype, config), "n": ("log_event", {"message": "x"})}, "t>n"))
    driver.send(event(subtype, contactId="c1", **payload))
    assert len(driver.executions) == starts


def test_every_trigger_has_three_cases() -> None:
    by_event = {name for name, kind in node_types().items() if isinstance(kind, TriggerType)}
    by_event -= {"manual_trigger", "schedule"}  # no event starts these
    for name in by_event:
        check_cases(
            name, (case[0] for case in CASES), place="CASES in tests/conformance/test_triggers.py",
            shape="type, config, payload of the event, whether it starts",
        )  # fmt: skip


class TestManualTrigger:
    flow = version({"t": ("manual_trigger", {}), "n": ("log_event", {"message": "{{ event.why }}"})}, "t>n")

    def test_starts_by_name_with_a_payload(self) -> None:
        driver = FlowDriver(self.flow)
        driver.trigger("flow-1", event("manual_trigger", "mal", contactId="c1", why="because"))
        assert driver.steps("n")[0]["output"] == {"message": "because", "level": "info"}

    def test_takes_no_keys(self) -> None:
        _, faults = check_config(node_types()["manual_trigger"], {"campaignId": "a"})
        assert [path for path, _ in faults] == ["config.campaignId"]

    def test_is_started_by_no_event_of_its_name(self) -> None:
        driver = FlowDriver(self.flow)
        driver.send(event("manual_trigger", "somebody", contactId="c1"))
        assert driver.feed == []
        named = driver.flow_table.snapshot().flows[FlowId("flow-1")].plans[1]
        assert not triggers(named, read_event(event("manual_trigger"), default_id="e", default_timestamp_ms=0))


def test_other_event_types_start_nothing() -> None:
    driver = FlowDriver(version({"t": ("email_click", {}), "n": ("log_event", {"message": "x"})}, "t>n"))
    driver.send(opened())
    assert driver.executions == []


def test_a_trigger_takes_no_templates() -> None:
    _, faults = check_config(node_types()["email_open"], {"campaignId": "{{ event.campaignId }}"})
    assert faults == [("config.campaignId", "config.campaignId: a trigger takes no templates; write the value itself")]


def test_a_reply_is_searched_for_so_many_keywords_and_no_more() -> None:
    _, faults = check_config(node_types()["email_reply"], {"requiredKeywords": ["a"] * 101})
    assert [path for path, _ in faults] == ["config.requiredKeywords"]
    assert "must have 100 at most, it has 101" in faults[0][1]


def test_the_trigger_is_the_first_step_and_its_output_is_the_payload() -> None:
    driver = FlowDriver(version({"t": ("email_open", {})}, ""))
    driver.send(opened())
    [step] = driver.steps()
    assert (step["type"], step["subtype"], step["status"], step["port"]) == (
        "trigger", "email_open", "succeeded", "out",
    )  # fmt: skip
    assert step["output"] == {"emailId": "m1", "campaignId": "k1", "contactId": "c1"}
