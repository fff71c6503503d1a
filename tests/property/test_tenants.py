"""What happens in one user's or workspace's world never shows in another's, whatever both do and whatever they name.

Every text of a tenant carries its mark: payloads, ids of events, names, tags, segments, configs of its flows, answers
to its commands. So a mark where it does not belong is a leak, wherever it is: in a command, a record of the feed or
a row. Ids of contacts, campaigns and releases are the same everywhere, as they may be.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.flow import LimitsRecord
from engine.types import Scope, scope_of
from tests.support.driver import FlowDriver
from tests.support.flows import version

OWNERS = (("a", None), ("a", "w"), ("b", "w"), (None, "a"), ("b", None))
"""User and workspace. The second and third are one tenant; an id of a user may be that of a workspace."""
FLOW_IDS = [f"flow-{number}" for number in range(6)]
SUBJECTS = [{"contactId": "c1"}, {"contactId": "c2"}, {"campaignId": "k1"}, {"releaseId": "r1"}]
KINDS = [
    "email_open", "email_reply", "contact_tagged", "segment_updated", "context_updated", "campaign_metrics_updated",
    "release_approaching",
]  # fmt: skip
CONDITIONS = [
    ("if_tag_present", {"tag": "shared"}), ("if_segment_contains", {"segmentId": "shared"}),
    ("if_metric_greater", {"metric": "plays", "threshold": 1}),
    ("if_field_match", {"field": "contact.name", "operator": "exists"}),
    ("if_field_match", {"field": "engagement.openCount", "operator": "greater_than", "value": 1}),
]  # fmt: skip
SEEN = (
    "{{ event.said }} {{ contact.name }} {{ contact.tags }} {{ campaign.metrics }} {{ campaign.fingerprint }} "
    "{{ user.name }} {{ release.releaseName }} {{ previousNode.output }} {{ metadata }}"
)


def mark(scope: Scope | None) -> str:
    return f"«{scope.kind}:{scope.id}»" if scope else "«nobody»"


MARKS = {scope_of(*owner): mark(scope_of(*owner)) for owner in OWNERS}


def foreign(scope: Scope | None, texts: Iterable[str]) -> list[str]:
    """Return the texts in which another tenant's mark stands."""
    others = [other for known, other in MARKS.items() if known != scope]
    return [text for text in texts if any(other in text for other in others)]


@st.composite
def flows(draw: st.DrawFn, flow_id: str, number: int = 1) -> Any:
    user_id, workspace_id = draw(st.sampled_from(OWNERS))
    ours = mark(scope_of(user_id, workspace_id))
    trigger: Any = draw(
        st.sampled_from([
            *[("email_open", {})] * 3, ("email_reply", {}), ("manual_trigger", {}), ("manual_trigger", {}),
            ("segment_updated", {}), ("release_approaching", {"daysUntilRelease": 3}),
            ("schedule", {"cron": "0 * * * *", "segmentId": "shared"}), ("schedule", {"cron": "30 * * * *"}),
        ])
    )  # fmt: skip
    awaited = {"awaitResult": True, "timeoutSeconds": 500}
    parts: list[Any] = draw(
        st.lists(
            st.sampled_from([
                *CONDITIONS,
                ("tag_contact", {"tag": f"{ours} {SEEN}"}), ("tag_contact", {"tag": ours}, awaited),
                ("update_segment", {"segmentId": f"{ours} {{{{ event.said }}}}", "action": "add"}),
                ("log_event", {"message": f"{ours} {SEEN}", "data": {"event": "{{ event }}"}}),
                ("notify_user", {"message": f"{ours} {SEEN}"}),
                ("send_email_campaign", {"subject": ours, "body": SEEN, "fromEmail": "a@example.com"}),
                ("wait_for_event", {"type": "email_reply", "timeoutSeconds": 100}),
                ("wait_for_event", {"type": "email_open", "match": {"said": "{{ event.said }}"}, "timeoutSeconds": 99}),
                ("delay", {"delaySeconds": 50}),
                ("run_flow", {"flowId": draw(st.sampled_from(FLOW_IDS))}),
                ("run_flow", {"flowId": draw(st.sampled_from(FLOW_IDS)), "wait": True, "version": 1}),
            ]),
            min_size=1, max_size=4,
        )
    )  # fmt: skip
    names = ["t", *(f"n{place}" for place in range(len(parts)))]
    chosen: dict[str, Any] = draw(
        st.sampled_from([
            {}, {}, {"entry": {"rule": "once"}}, {"exitWhen": [{"event": {"type": "email_reply", "match": {}}}]},
            {"goal": {"event": {"type": "email_reply", "match": {}}}},
            {"goal": {"event": {"type": "contact_tagged", "match": {}}, "exit": False}},
            {"messages": {"caps": [{"max": 1, "windowSeconds": 9_000, "scope": "all"}], "onHeld": "defer"}},
        ])
    )  # fmt: skip
    return version(
        dict(zip(names, [trigger, *parts], strict=True)),
        " ".join(f"{one}>{other}" for one, other in itertools.pairwise(names)),
        flow_id=flow_id, number=number, user_id=user_id, workspace_id=workspace_id, settings=chosen,
    )  # fmt: skip


@st.composite
def events(draw: st.DrawFn, kinds: list[str] = KINDS) -> dict[str, Any]:
    user_id, workspace_id = draw(st.sampled_from(OWNERS))
    ours = mark(scope_of(user_id, workspace_id))
    payload = {
        **draw(st.sampled_from(SUBJECTS)), "said": ours, "name": ours, "email": ours, "releaseName": ours,
        "tags": [ours], "action": "add",
        **draw(st.sampled_from([
            {"tag": ours}, {"tag": "shared"}, {"segmentId": "shared"}, {"segmentId": ours},
            {"metrics": {"plays": 5, ours: 1}}, {"campaignId": "k1"}, {"releaseDate": "2026-09-25"},
            {"entityType": "user", "entityId": "a", "attributes": {"name": ours}},
        ])),
    }  # fmt: skip
    return {
        # The same id in two tenants is two events.
        "id": draw(st.sampled_from(["1", "2", "3", f"4 {ours}"])), "type": draw(st.sampled_from(kinds)),
        "source": "s", "payload": payload,
        "metadata": {
            "userId": user_id, "workspaceId": workspace_id, "said": ours, "depth": draw(st.sampled_from([0, 0, 9])),
        },
    }  # fmt: skip


TRIGGERED = st.tuples(st.sampled_from(FLOW_IDS), events(["manual_trigger"]))
ANSWERED = st.tuples(st.integers(0, 30), st.sampled_from(["succeeded", "failed"]), st.booleans())
WISHED = st.tuples(st.sampled_from(["pause", "resume", "cancel", "retry"]), st.integers(0, 30), st.sampled_from(OWNERS))
TIMES = st.sampled_from([1.0, 60.0, 4_000.0])
INPUTS = st.lists(events() | events() | TRIGGERED | ANSWERED | WISHED | TIMES, min_size=6, max_size=15)
FLOWS = st.lists(st.sampled_from(FLOW_IDS), min_size=3, unique=True).flatmap(
    lambda ids: st.tuples(*(flows(flow_id) for flow_id in ids))
)
MOVED = st.none() | flows(FLOW_IDS[0], 2)
"""A second version that stands with another owner; the store does not publish such."""


def play(drawn: Iterable[Any], inputs: list[Any], moved: Any) -> FlowDriver:
    limits = [
        LimitsRecord(kind="user", id="a", max_external_writes=30),
        LimitsRecord(kind="workspace", id="w", max_external_writes=3),
    ]
    driver = FlowDriver(*drawn, limits=limits)
    for place, given_input in enumerate(inputs):
        if place == 3 and moved is not None:
            driver.publish(moved)
        match given_input:
            case float():
                driver.advance(given_input)
            case (str() as flow_id, dict() as event):
                driver.trigger(flow_id, event)
            case (int() as number, str() as status, bool() as retryable):
                if driver.sent:
                    number %= len(driver.sent)
                    ours = mark(driver.sent[number][0].scope)
                    driver.answer(number, status, retryable=retryable, error=ours, output={"said": ours})
            case (str() as verb, int() as number, owner):
                if driver.executions:
                    _wish(driver, verb, driver.executions[number % len(driver.executions)]["executionId"], owner)
            case _:
                driver.send(given_input)
    driver.advance(20_000)
    return driver


def _wish(driver: FlowDriver, verb: Any, execution: str, owner: tuple[str | None, str | None]) -> None:
    """Have a tenant ask something of an execution, perhaps another's."""
    before = [record for record in driver.feed if record.get("executionId") == execution and "seq" in record]
    driver.control(verb, execution, owner=owner)
    after = [record for record in driver.feed if record.get("executionId") == execution and "seq" in record]
    if scope_of(*owner) != scope_of(before[-1]["userId"], before[-1]["workspaceId"]):
        assert len(before) == len(after), f"{owner} moved an execution of another"


def text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(FLOWS, INPUTS, MOVED)
def test_nothing_of_a_tenant_shows_with_another(drawn: tuple[Any, ...], inputs: list[Any], moved: Any) -> None:
    driver = play(drawn, inputs, moved)
    scopes = {(flow.flow_id, flow.version): flow.scope for flow in (*drawn, *([moved] if moved is not None else ()))}
    owners: dict[str, Scope | None] = {}
    for record in driver.feed:
        scope = scope_of(record["userId"], record["workspaceId"])
        assert not foreign(scope, [text(record)])
        if "seq" in record:
            assert scopes[record["flowId"], record["flowVersion"]] == scope
            assert owners.setdefault(record["executionId"], scope) == scope
    for run, command in driver.sent:
        assert owners[run.id] == run.scope
        assert not foreign(run.scope, [text(orjson.loads(orjson.dumps(command.payload)))])
    _check_rows(driver)
    for scope in MARKS:
        prefix = f"{scope.kind[0]}{len(scope.id)}:{scope.id}" if scope else ""
        known = {key: row for key, row in driver.entities.items() if key.startswith(prefix)}
        assert not foreign(scope, map(text, known.values()))


def _check_rows(driver: FlowDriver) -> None:
    rows: Mapping[str, Mapping[str, bytes]] = driver.tables.rows
    for scope in MARKS:
        assert scope is not None
        prefix = f"{scope.kind[0]}{len(scope.id)}:{scope.id}"
        for table in ("subjects", "entries"):
            kept = {
                key: row
                for key, row in rows.get(table, {}).items()
                if key.lstrip("\x1f").split("\x1f")[-1].startswith(prefix)
            }
            assert not foreign(scope, (row.decode() for row in kept.values()))
    for row in rows.get("executions", {}).values():
        kind, identity = orjson.loads(row)["event"][-1]
        assert not foreign(Scope(kind, identity), [row.decode()])


def test_a_version_of_another_owner_is_not_started_by_the_first_ones_events() -> None:
    driver = FlowDriver(version({"t": ("email_open", {}), "n": ("log_event", {"message": "m"})}, "t>n", user_id="a"))
    driver.publish(
        version({"t": ("email_open", {}), "n": ("log_event", {"message": "m"})}, "t>n", user_id="b", number=2)
    )
    opening = {"type": "email_open", "source": "s", "payload": {"contactId": "c1"}}
    driver.send({**opening, "metadata": {"userId": "a"}})
    assert not driver.feed
    driver.send({**opening, "metadata": {"userId": "b"}})
    assert [record["userId"] for record in driver.feed] == ["b"]


def test_a_sub_flow_of_another_is_not_there_whatever_it_is() -> None:
    run = {"flowId": "theirs", "wait": True, "version": 1}
    driver = FlowDriver(
        version({"t": ("email_open", {}), "n": ("run_flow", run)}, "t>n", user_id="a"),
        version(
            {"t": ("manual_trigger", {}), "n": ("log_event", {"message": "m"})}, "t>n", flow_id="theirs", user_id="b"
        ),
    )
    driver.pause("theirs")
    driver.send({"type": "email_open", "source": "s", "payload": {"contactId": "c1"}, "metadata": {"userId": "a"}})
    assert {record["flowId"] for record in driver.feed} == {"flow-1"}
    assert driver.executions[-1]["error"]["message"] == "flow theirs is not there, not published; publish it first"


def test_the_marks_would_be_found() -> None:
    assert len(MARKS) == 4
    one, other = list(MARKS)[:2]
    assert foreign(one, [f"… {mark(other)} …"])
    assert not foreign(one, [f"… {mark(one)} …"])
