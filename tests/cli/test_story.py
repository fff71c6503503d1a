"""An execution is told as a story: one line a step, and under it what matters of it."""

from __future__ import annotations

from typing import Any

import pytest

from cli.executions.story import duration, held_back, tell

EXECUTION: dict[str, Any] = {
    "executionId": "x-1", "seq": 2, "flowId": "f-1", "flowVersion": 3, "userId": "user_001", "workspaceId": None,
    "subject": {"type": "contact", "id": "contact_789"}, "origin": "live", "status": "running", "endReason": None,
    "trigger": {"eventId": "e-1", "type": "email_open", "source": "email_engine", "timestamp": "2026-11-01T10:30:00Z"},
    "startedAt": "2026-11-01T10:30:00Z", "finishedAt": None, "error": None,
    "waiting": [{"nodeId": "n-3", "until": "2026-11-08T10:30:00Z", "for": "delay"}],
    "steps": [
        {"nodeId": "n-1", "visit": 1, "try": 1, "type": "trigger", "subtype": "email_open", "status": "succeeded",
         "port": "out", "error": None, "commandIds": [], "startedAt": "2026-11-01T10:30:00Z",
         "finishedAt": "2026-11-01T10:30:00Z"},
        {"nodeId": "n-2", "visit": 2, "try": 1, "type": "action", "subtype": "tag_contact", "status": "succeeded",
         "port": "out", "error": None, "commandIds": ["c-1"], "startedAt": "2026-11-01T10:30:00Z",
         "finishedAt": "2026-11-01T10:31:05Z", "answers": [{"commandId": "c-1", "status": "failed", "error": "no"}]},
        {"nodeId": "n-3", "visit": 1, "try": 1, "type": "action", "subtype": "delay", "status": "running",
         "port": None, "error": None, "commandIds": [], "startedAt": "2026-11-01T10:30:00Z", "finishedAt": None},
        {"nodeId": "n-4", "visit": 1, "try": 1, "type": "action", "subtype": "update_cmg_node", "status": "failed",
         "port": "error", "error": {"code": "missing_campaign", "message": "no campaign", "nodeId": "n-4",
                                    "field": "event.campaignId", "value": "\x1b[31m"},
         "commandIds": [], "startedAt": "2026-11-01T10:30:00Z", "finishedAt": "2026-11-01T10:30:00Z"},
    ],
}  # fmt: skip


def _lines() -> list[str]:
    return [line.plain for line in tell(EXECUTION, {"n-1": "opened", "n-3": "week"}, "Follow up")]


def test_the_head_says_what_whose_and_how_it_stands() -> None:
    head = "\n".join(_lines()[:7])
    for part in ("x-1  running", "Follow up version 3 (f-1)", "contact contact_789", "user user_001", "email_open e-1"):
        assert part in head


def test_each_step_has_a_line_with_its_name_port_and_time() -> None:
    steps = [line for line in _lines() if line[:3].strip().isdigit()]
    assert [line.split()[1] for line in steps] == ["opened", "n-2", "week", "n-4"]
    assert "succeeded → out" in steps[0]
    assert "visit 2" in steps[1]
    assert "took 1m 5s" in steps[1]
    assert steps[0].endswith("  2026-11-01T10:30:00Z")


def test_commands_waits_and_errors_stand_under_their_step() -> None:
    story = "\n".join(_lines())
    assert "command  c-1  answered failed: no" in story
    assert "waits    for delay until 2026-11-08T10:30:00Z" in story
    assert "error    missing_campaign: no campaign (field event.campaignId, value \\x1b[31m)" in story


def test_where_there_is_no_execution_the_decision_says_why() -> None:
    decision = {
        "decision": "suppressed", "reason": "too_deep", "flowId": "f-1", "userId": "user_001", "workspaceId": None,
        "subject": {"type": "contact", "id": "contact_789"}, "eventId": "e-1", "at": "2026-11-01T10:30:00Z",
    }  # fmt: skip
    told = "\n".join(line.plain for line in held_back(decision))
    for part in ("no execution: suppressed, too_deep", "contact contact_789", "user user_001", "e-1"):
        assert part in told


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(0, "0ms"), (999, "999ms"), (1000, "1s"), (65_000, "1m 5s"), (604_800_000, "7d"), (612_000_000, "7d 2h")],
)
def test_durations_have_their_two_largest_units(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text
