"""Records of the feed fit onto Kafka, whatever a flow has put into them, and say what was cut."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.answers import Answer, parse_answer
from streams.codecs import to_json
from streams.events import Poison
from streams.feed import MAX_RECORD_BYTES, MAX_VALUE_BYTES, fit_record, read_result, shorten
from streams.feed_shapes import DecisionRecord, ExecutionRecord
from tests.streams.records import record

WAIT = {"nodeId": "n", "visit": 1, "until": "2026-11-08T10:30:00Z", "for": "delay"}
PATH = {"nodeId": "n", "visit": 1, "status": "succeeded", "port": None}
EXECUTION: dict[str, Any] = {
    "executionId": "x", "seq": 1, "flowId": "f", "flowVersion": 1, "userId": "u", "workspaceId": None,
    "subject": {"type": "contact", "id": "c"}, "origin": "live", "status": "succeeded", "endReason": "completed",
    "trigger": {"eventId": "e", "type": "email_open", "source": "email_engine", "timestamp": "2026-11-01T10:30:00Z",
                "causedBy": None, "depth": 0, "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"},
    "input": {"topic": "t", "partition": 1, "offset": 2}, "timeScale": 1.0, "startedAt": "2026-11-01T10:30:00Z",
    "finishedAt": "2026-11-01T10:30:00Z", "error": None, "waiting": [WAIT], "path": [PATH],
    "progress": {"completedSteps": 1, "totalSteps": 1, "currentStatus": "succeeded"},
}  # fmt: skip


def step(**changes: Any) -> dict[str, Any]:
    return {
        "nodeId": "n", "visit": 1, "try": 1, "type": "action", "subtype": "log_event", "status": "succeeded",
        "port": None, "input": {"a": 1}, "output": {"b": 2}, "error": None, "commandIds": ["c-1"],
        "startedAt": "2026-11-01T10:30:00Z", "finishedAt": "2026-11-01T10:30:00Z", **changes,
    }  # fmt: skip


def fitted(**changes: Any) -> dict[str, Any]:
    encoded = fit_record({**EXECUTION, "steps": [step()], **changes})
    assert len(encoded) <= MAX_RECORD_BYTES
    read: dict[str, Any] = orjson.loads(encoded)
    ExecutionRecord.model_validate(read)
    return read


def test_a_record_of_the_usual_size_is_left_alone() -> None:
    whole = {**EXECUTION, "steps": [step()]}
    assert fitted() == whole
    described = ExecutionRecord.model_validate(whole).wire()
    assert described == {**whole, "truncated": False, "steps": [{**step(), "truncated": False}]}


def test_many_small_steps_are_left_alone() -> None:
    steps = [step(visit=number) for number in range(1, 101)]
    assert fitted(steps=steps)["steps"] == steps


def test_a_long_text_in_a_step_is_cut_and_the_rest_of_it_kept() -> None:
    (read,) = fitted(steps=[step(input={"contactId": "c", "body": "ä" * 5_000}, output={"b": 2})])["steps"]
    assert read["truncated"] is True
    assert read["input"]["truncated"] is True
    assert read["input"]["contactId"] == "c"
    assert read["input"]["body"].endswith("ä…")
    assert len(to_json(read["input"])) <= MAX_VALUE_BYTES
    assert (read["output"], read["commandIds"]) == ({"b": 2}, ["c-1"])


@pytest.mark.parametrize("value", [list(range(2_000)), {"many": list(range(2_000))}])
def test_what_has_no_long_text_is_shown_by_its_beginning(value: Any) -> None:
    (read,) = fitted(steps=[step(output=value)])["steps"]
    output = read["output"]
    assert output["truncated"] is True
    assert output["bytes"] == len(to_json(value))
    assert to_json(value).decode().startswith(output["head"].removesuffix("…"))
    assert len(to_json(output)) <= MAX_VALUE_BYTES


def test_steps_without_number_lose_their_values_before_any_step_is_lost() -> None:
    text = "x" * 2_000
    read = fitted(steps=[step(visit=number, input={"t": text}) for number in range(1, 1_001)])
    assert read["truncated"] is True
    assert len(read["steps"]) == 1_000
    assert read["steps"][0]["input"] == {"truncated": True}
    assert read["steps"][0]["commandIds"] == ["c-1"]
    assert (read["path"], read["waiting"]) == ([PATH], [WAIT])


def test_no_number_of_steps_and_waits_is_too_large() -> None:
    error = {"code": "c", "message": "m" * 3_000, "nodeId": "n", "field": "f", "value": ["v" * 9_000]}
    read = fitted(
        steps=[step(visit=number, status="failed", error=error) for number in range(1, 3_001)],
        waiting=[WAIT] * 10_000,
        path=[PATH] * 30_000,
        error=error,
        subject={"type": "contact", "id": "c" * 1_000_000},
        trigger={**EXECUTION["trigger"], "causedBy": {"deep": ["x" * 1_000_000]}},
    )
    assert read["truncated"] is True
    assert min(len(read["steps"]), len(read["waiting"]), len(read["path"])) > 100


def test_a_decision_with_huge_ids_fits_as_well() -> None:
    decision = {
        "decision": "suppressed", "flowId": None, "userId": "u" * 500_000, "workspaceId": None,
        "subject": {"type": "contact", "id": "c" * 500_000}, "eventId": "e" * 500_000, "reason": "unscoped",
        "at": "2026-11-01T10:30:00Z", "type": "email_open", "source": "s", "input": EXECUTION["input"],
    }  # fmt: skip
    encoded = fit_record(decision)
    assert len(encoded) <= MAX_RECORD_BYTES
    assert DecisionRecord.model_validate_json(encoded).truncated


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=400).map(lambda text: text * 20),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=300), inner, max_size=6),
    max_leaves=30,
)


@given(JSON, st.sampled_from([512, 1024, 4096]))
def test_a_shortened_value_is_json_within_its_bound(value: Any, most_bytes: int) -> None:
    short = shorten(value, most_bytes)
    assert len(to_json(short)) <= most_bytes
    if len(to_json(value)) <= most_bytes:
        assert short is value


ANSWER: dict[str, Any] = {
    "commandId": "c-1", "attempt": 1, "status": "failed", "retryable": True, "error": {"code": "busy"}, "output": None,
    "finishedAt": "2026-11-01T10:30:00Z", "more": 1,
}  # fmt: skip


def test_an_answer_is_read() -> None:
    read_result(record(ANSWER))
    assert parse_answer(to_json(ANSWER)) == Answer(
        command_id="c-1", attempt=1, status="failed", retryable=True, error={"code": "busy"},
        finished_at="2026-11-01T10:30:00Z",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"\xff", "is no JSON"),
        (b"null", "is no answer: the record"),
        ({**ANSWER, "commandId": ""}, "is no answer: commandId"),
        ({**ANSWER, "attempt": "1"}, "is no answer: attempt"),
        ({**ANSWER, "attempt": True}, "is no answer: attempt"),
        ({**ANSWER, "attempt": 0}, "is no answer: attempt"),
        ({**ANSWER, "status": "done"}, "is no answer: status"),
        ({**ANSWER, "retryable": 1}, "is no answer: retryable"),
        ({**ANSWER, "finishedAt": "noon"}, "is no answer: finishedAt"),
        (None, "it has no value"),
    ],
)
def test_what_is_no_answer_is_poison(value: Any, why: str) -> None:
    with pytest.raises(Poison, match=why):
        read_result(record(value))


def test_a_message_that_is_held_tells_its_node_and_until_when() -> None:
    told = {
        "decision": "held", "reason": "quiet_hours", "flowId": "f", "flowVersion": 1, "userId": "u",
        "workspaceId": None, "subject": {"type": "contact", "id": "c"}, "eventId": "e", "at": "2026-11-01T22:30:00Z",
        "type": "email_open", "source": "email_engine", "executionId": "x", "nodeId": "n", "visit": 1,
        "for": "quiet_hours", "until": "2026-11-02T08:05:00Z",
    }  # fmt: skip
    described = DecisionRecord.model_validate(orjson.loads(fit_record(told))).wire()
    assert told.items() <= described.items()
    assert described["input"] is None
