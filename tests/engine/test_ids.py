"""Ids must never change: what an event leads to is the same today, after a crash, and in a replay in two years."""

import json
from uuid import uuid5

from hypothesis import given
from hypothesis import strategies as st

from engine import ids
from engine.types import ExecutionId, FlowId, NodeId, Subject


def test_golden_ids_do_not_change() -> None:
    flow = ids.flow_id("user_001", None, "Follow up after a week")
    execution = ids.execution_id(flow, "email_engine", Subject("contact", "contact_789"), "event-1")
    assert flow == "42bd32a8-6264-53e5-ad0c-530d82453ea2"
    assert ids.node_id(flow, "opened") == "2769704f-4cc3-5c05-a5f1-585f13479ea1"
    assert execution == "7abd9322-c7e4-5083-a11b-c81458638fbf"
    assert ids.command_id(execution, NodeId("n"), 1, 0) == "cf75e4fc-58a5-567e-885b-af4dc5b59b7b"
    assert ids.event_id("tap.email-engine.events", 3, 42, 1_790_000_000_000) == "507ac149-3da5-5e37-bde3-c11cb1d6806e"


def test_ids_are_told_apart_by_every_part() -> None:
    flow = FlowId("f")
    contact = Subject("contact", "1")
    made = {
        ids.execution_id(flow, "a", contact, "e"),
        ids.execution_id(flow, "b", contact, "e"),
        ids.execution_id(flow, "a", Subject("campaign", "1"), "e"),
        ids.execution_id(flow, "a", contact, "f"),
        ids.command_id(ExecutionId("x"), NodeId("n"), 1, 0),
        ids.command_id(ExecutionId("x"), NodeId("n"), 2, 0),
        ids.command_id(ExecutionId("x"), NodeId("n"), 1, 1),
    }
    assert len(made) == 7


def test_an_id_with_any_character_is_one_json_string() -> None:
    assert ids.derive("x", 'a"b', "ü") != ids.derive("x", "a", "bü")


@given(st.lists(st.text() | st.integers() | st.none(), min_size=1))
def test_an_id_is_the_uuid5_of_the_standard_library(parts: list[str | int | None]) -> None:
    name = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    assert ids.derive(*parts) == str(uuid5(ids.NAMESPACE, name))
