"""The engine and the naive interpreter of tests/reference tell the same story of any flow and any inputs.

`make test` compares 2,000 stories; `make property` compares 50,000.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings

from engine import limits
from engine.flow import LimitsRecord
from tests.reference.shard import ReferenceShard
from tests.reference.stories import STORIES, Story, event_of
from tests.reference.values import same
from tests.support.driver import START_MS, FlowDriver

MAX_STEPS = 40
"""Instead of 1,000: loops reach the limit often, and soon."""
EXAMPLES = int(os.environ.get("MAL_REFERENCE_EXAMPLES", "2000"))


@pytest.fixture(scope="module", autouse=True)
def few_steps() -> Iterator[None]:
    with patch.object(limits, "MAX_STEPS", MAX_STEPS):
        yield


@settings(
    max_examples=EXAMPLES, database=None, derandomize=EXAMPLES <= 2000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
@given(STORIES)
def test_the_engine_tells_what_the_reference_tells(story: Story) -> None:
    engine, reference = played(story)
    told = [told_by_engine(record) for record in engine.feed]
    for mine, theirs in zip(told, reference.told, strict=False):
        assert plain(mine) == plain(theirs)
    assert len(told) == len(reference.told)
    commands = [
        [command.id, command.node_id, visit_of(engine, command.id), command.type, command.payload,
         command.subject.id]
        for _run, command in engine.sent
    ]  # fmt: skip
    assert plain(commands) == plain(reference.commands)


def played(story: Story) -> tuple[FlowDriver, ReferenceShard]:
    """Play a story on both."""
    flows = {flow["flowId"]: flow for flow in story["flows"]}
    record = LimitsRecord.model_validate({"kind": "user", "id": "user_001", **story["limits"]})
    engine = FlowDriver(*flows.values(), limits=[record], time_scale=story["scale"])
    engine.late_ms = story["late"]
    reference = ReferenceShard(START_MS, {"maxSteps": MAX_STEPS, **story["limits"]}, story["scale"], story["late"])
    for flow in flows.values():
        reference.publish(flow)
    sent: list[dict[str, Any]] = []
    for place, (verb, number) in enumerate(story["inputs"]):
        flow_id = sorted(flows)[int(number) % len(flows)]
        if verb == "advance":
            both(engine, reference, "advance", number)
        elif verb == "send":
            sent.append(event_of(number, place))
            both(engine, reference, "send", sent[-1])
        elif verb == "repeat" and sent:
            both(engine, reference, "send", sent[number % len(sent)])
        elif verb == "publish" and story["newer"] and not reference.archived:
            both(engine, reference, "publish", story["newer"])
        elif flow_id in reference.archived:
            continue
        elif verb == "archive":
            both(engine, reference, "archive", flow_id)
        elif verb == "trigger":
            by_hand = {"id": f"hand{place}", "type": "manual_trigger", "source": "mal",
                       "payload": {"contactId": "c1", "n": number}, "metadata": {"userId": "user_001"}}  # fmt: skip
            engine.trigger(flow_id, by_hand)
            reference.trigger(flow_id, by_hand)
    return engine, reference


def both(engine: FlowDriver, reference: ReferenceShard, verb: str, given_value: Any) -> None:
    getattr(engine, verb)(given_value)
    getattr(reference, verb)(given_value)


def told_by_engine(record: dict[str, Any]) -> dict[str, Any]:
    """A record of the feed, as the reference tells it."""
    if "decision" in record:
        subject = record["subject"]
        return {"held": record["reason"], "event": record["eventId"], "flow": record["flowId"],
                "subject": (subject["type"], subject["id"]) if subject else None}  # fmt: skip
    error = record["error"]
    if error is not None:
        field = error["field"] if error["code"] in {"missing_id", "missing_time", "bad_time", "limit"} else None
        is_limit = error["code"] == "limit"
        error = {"nodeId": error["nodeId"], "field": field, **({"value": error["value"]} if is_limit else {})}
    path = record.get("path")
    return {
        "execution": record["executionId"], "seq": record["seq"], "version": record["flowVersion"],
        "status": record["status"], "end": record["endReason"], "error": error,
        "steps": sorted(
            ([step["nodeId"], step["visit"], step["status"], step["port"], step["startedAt"], step["finishedAt"],
              step["commandIds"], step.get("reason")] for step in record["steps"]), key=repr),
        "waiting": sorted([wait["nodeId"], wait["visit"], wait["until"]] for wait in record["waiting"]),
        "path": None if path is None else sorted([s["nodeId"], s["visit"], s["status"], s["port"]] for s in path),
        "alreadyRan": sorted(
            [step["nodeId"], step["visit"], node] for step in record["steps"]
            for node in step.get("notes", {}).get("alreadyRan", ())),
    }  # fmt: skip


def visit_of(engine: FlowDriver, command_id: str) -> int:
    return next(int(step["visit"]) for step in engine.steps() if command_id in step["commandIds"])


def plain(value: Any) -> Any:
    """A value in which 1 and 1.0, which JSON does not tell apart, are the same and true and 1 are not."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return ["true" if value else "false"] if isinstance(value, bool) else value


def test_json_tells_true_from_one() -> None:
    assert plain([True, 1]) != plain([1, 1])
    assert same(1, 1.0)
