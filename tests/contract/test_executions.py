"""How executions run and are told (contract.md section 4; product.md section 2): waves, statuses, limits, versions."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.lab import FEED, TIME_SCALE, Lab, derived, event, execution_id, flow_file, flow_id, node_id

pytestmark = pytest.mark.services

RECORD = {
    "executionId", "seq", "flowId", "flowVersion", "userId", "workspaceId", "subject", "origin", "status", "endReason",
    "trigger", "startedAt", "finishedAt", "error", "steps", "waiting",
}  # fmt: skip
STEP = {
    "nodeId", "visit", "try", "type", "subtype", "status", "port", "input", "output", "error", "commandIds",
    "startedAt", "finishedAt",
}  # fmt: skip


def _start(lab: Lab, user: str, name: str, **payload: Any) -> tuple[str, str, dict[str, Any]]:
    """Open an email; return the flow, the execution and the event."""
    sent = event("email_open", user, **{"contactId": str(uuid4()), "campaignId": "k", **payload})
    lab.send(sent)
    flow = flow_id(user, name)
    return flow, execution_id(flow, sent, ("contact", sent["payload"]["contactId"])), sent


def _path(record: dict[str, Any], flow: str, *refs: str) -> dict[str, tuple[str, str | None]]:
    """Status and port of the nodes of these refs on the path of an ending record."""
    told = {(step["nodeId"], step["visit"]): (step["status"], step["port"]) for step in record["path"]}
    return {ref: told[node_id(flow, ref), 1] for ref in refs}


def _ms(text: str) -> float:
    return datetime.fromisoformat(text).timestamp() * 1000


def test_a_flow_with_a_wait_is_told_in_two_records(lab: Lab) -> None:
    flow, execution, sent = _start(lab, "u-story", "story")
    lab.ended(execution)
    first, last = lab.story(execution)
    for number, record in enumerate((first, last), 1):
        assert record.keys() >= RECORD
        assert all(step.keys() >= STEP for step in record["steps"])
        assert record["seq"] == number
        assert (record["flowId"], record["flowVersion"], record["origin"]) == (flow, 1, "live")
        assert (record["userId"], record["workspaceId"]) == ("u-story", None)
        assert record["subject"] == {"type": "contact", "id": sent["payload"]["contactId"]}
        assert record["trigger"].items() >= {
            "eventId": sent["id"], "type": "email_open", "source": "test",
        }.items()  # fmt: skip
        assert record["error"] is None
    # The input that moved it; a timer is none.
    assert first["input"].keys() == {"topic", "partition", "offset"}
    assert "input" not in last
    week = node_id(flow, "week")
    assert (first["status"], first["endReason"], first["finishedAt"]) == ("running", None, None)
    ((wait),) = first["waiting"]
    assert (wait["nodeId"], wait["for"]) == (week, "delay")
    assert _ms(wait["until"]) - _ms(first["startedAt"]) == 3600 * 1000 / TIME_SCALE
    assert [(step["nodeId"], step["status"]) for step in first["steps"]] == [
        (node_id(flow, "start"), "succeeded"), (week, "running")
    ]  # fmt: skip
    assert "path" not in first
    assert (last["status"], last["endReason"], last["waiting"]) == ("succeeded", "completed", [])
    # It fires with its due time as now, whole, and with what follows.
    assert last["finishedAt"] == wait["until"]
    steps = {step["nodeId"]: step for step in last["steps"]}
    assert steps[week]["startedAt"] == first["startedAt"]
    assert steps[week]["finishedAt"] == wait["until"]
    assert steps[node_id(flow, "last")]["output"].items() >= {"message": "1", "level": "warning"}.items()
    assert _path(last, flow, "start", "week", "silent", "nudge", "thanks", "last") == {
        "start": ("succeeded", "out"), "week": ("succeeded", "out"), "silent": ("succeeded", "true"),
        "nudge": ("succeeded", "out"), "thanks": ("skipped", None), "last": ("succeeded", "out"),
    }  # fmt: skip
    (command,) = lab.commands(execution)
    assert command.json["issuedAt"] == wait["until"]
    assert None not in [one.value for one in lab.on(FEED)]


def test_a_reply_during_the_wait_is_seen_after_it(lab: Lab) -> None:
    flow, execution, sent = _start(lab, "u-story", "story")
    lab.send(event("email_reply", "u-story", contactId=sent["payload"]["contactId"], campaignId="k"))
    end = lab.ended(execution)
    assert _path(end, flow, "nudge", "thanks") == {"nudge": ("skipped", None), "thanks": ("succeeded", "out")}


@pytest.mark.parametrize(("name", "status", "error"), [
    ("fails", "failed", True), ("partly", "partial", True), ("caught", "succeeded", False),
])  # fmt: skip
def test_an_execution_ends_by_what_its_steps_did(lab: Lab, name: str, status: str, error: bool) -> None:
    flow, execution, _ = _start(lab, f"u-{name}", name)
    end = lab.ended(execution)
    assert (end["status"], end["endReason"]) == (status, "completed")
    steps = {step["nodeId"]: step for step in end["steps"]}
    failed = steps[node_id(flow, "bad")]
    assert failed["error"].keys() >= {"code", "message", "nodeId", "field", "value"}
    assert (failed["error"]["nodeId"], failed["error"]["field"]) == (node_id(flow, "bad"), "event.none")
    assert end["error"] == (failed["error"] if error else None)
    if name == "fails":
        assert _path(end, flow, "after") == {"after": ("skipped", None)}
        assert steps[node_id(flow, "after")]["status"] == "skipped"
    if name == "caught":
        assert steps[node_id(flow, "instead")]["output"]["message"] == failed["error"]["code"]


def test_a_diamond_joins_once(lab: Lab) -> None:
    flow, execution, _ = _start(lab, "u-diamond", "diamond")
    end = lab.ended(execution)
    assert [step["nodeId"] for step in end["steps"]] == [
        node_id(flow, ref) for ref in ("start", "left", "right", "join")
    ]  # fmt: skip
    assert len(lab.commands(execution)) == 1


def test_a_late_arrival_does_not_run_a_node_again(lab: Lab) -> None:
    _flow, execution, _ = _start(lab, "u-late", "late")
    end = lab.ended(execution)
    assert len(lab.story(execution)) == 2
    assert len(lab.commands(execution)) == 1
    assert (end["status"], end["endReason"]) == ("succeeded", "completed")


def test_delays_until_a_time(lab: Lab) -> None:
    at = datetime.fromtimestamp(time.time() + 2).astimezone().isoformat(timespec="milliseconds")
    flow, execution, _ = _start(lab, "u-delays", "delays", at=at, text="soon")
    end = lab.ended(execution)
    assert (end["status"], end["endReason"]) == ("partial", "completed")
    assert _path(end, flow, "past", "field", "missing", "unread", "after") == {
        "past": ("succeeded", "out"), "field": ("succeeded", "out"), "missing": ("failed", "error"),
        "unread": ("failed", "error"), "after": ("succeeded", "out"),
    }  # fmt: skip
    (command,) = lab.commands(execution)
    assert _ms(command.json["issuedAt"]) == round(_ms(at))  # a date is not scaled


def test_a_loop_waits_a_second_each_time_and_ends_at_the_limit(lab: Lab) -> None:
    _set(lab, "--user", "u-loop", "--max-actions", "2")
    flow, execution, _ = _start(lab, "u-loop", "loop")
    end = lab.ended(execution)
    assert (end["status"], end["endReason"]) == ("partial", "limit")
    error = end["error"]
    assert error["nodeId"] == node_id(flow, "again")
    assert "maxActionsPerExecution" in error["message"]
    assert (error["value"], "2" in error["message"]) == (2, True)
    commands = [command.json for command in lab.commands(execution)]
    node = node_id(flow, "again")
    assert [command["id"] for command in commands] == [derived("c", execution, node, visit, 0) for visit in (1, 2)]
    assert _ms(commands[1]["issuedAt"]) - _ms(commands[0]["issuedAt"]) >= 1000
    visits = sorted((step["visit"], step["status"]) for step in end["path"] if step["nodeId"] == node)
    assert visits == [(1, "succeeded"), (2, "succeeded"), (3, "skipped")]


@pytest.mark.parametrize(("option", "name", "value", "done"), [
    ("--max-actions", "maxActionsPerExecution", 2, 2), ("--max-external-writes", "maxExternalWrites", 1, 1),
    ("--max-contact-actions", "maxContactActions", 2, 2),
])  # fmt: skip
def test_what_would_pass_a_limit_does_not_run(lab: Lab, option: str, name: str, value: int, done: int) -> None:
    others = [one for one in ("--max-actions", "--max-external-writes", "--max-contact-actions") if one != option]
    _set(lab, "--user", "u-limits", option, str(value), others[0], "100", others[1], "100")
    flow, execution, _ = _start(lab, "u-limits", "limits")
    end = lab.ended(execution)
    assert (end["status"], end["endReason"], len(end["waiting"])) == ("partial", "limit", 0)
    refs = ("one", "two", "three")
    assert end["error"].items() >= {"nodeId": node_id(flow, refs[done]), "value": value}.items()
    assert name in end["error"]["message"]
    assert len(lab.commands(execution)) == done
    path = _path(end, flow, "wait", *refs)
    assert path.pop("wait") == ("skipped", None)
    assert [status for status, _port in path.values()] == ["succeeded"] * done + ["skipped"] * (3 - done)
    steps = {step["nodeId"]: step for step in end["steps"]}
    assert steps[node_id(flow, "wait")]["reason"] == "limit"


def test_limits_are_shown_and_refused(lab: Lab) -> None:
    user = f"u-{uuid4()}"
    (default,) = lab.rows("limits", "show", "--user", user)
    counts = {"maxActionsPerExecution": 100, "maxExternalWrites": 50, "maxContactActions": 200}
    assert default.items() >= counts.items()
    _set(lab, "--user", user, "--max-external-writes", "7")
    (shown,) = lab.rows("limits", "show", "--user", user)
    assert shown.items() >= {**counts, "maxExternalWrites": 7}.items()
    for wrong in (["--max-actions", "0"], ["--max-actions", "10001"], ["--max-actions", "x"], []):
        assert lab.mal("limits", "set", "--user", user, *wrong).returncode == 2
    assert lab.mal("limits", "show").returncode == 2


def test_a_workspace_s_limit_goes_before_the_user_s(lab: Lab, tmp_path: Path) -> None:
    flow = flow_file("u-both", "both", {
        "start": ("email_open", {}), "one": ("tag_contact", {"tag": "1"}), "two": ("tag_contact", {"tag": "2"}),
    }, "start>one one>two", workspaceId="w-both")  # fmt: skip
    _apply(lab, tmp_path, flow)
    _set(lab, "--user", "u-both", "--max-actions", "5", "--max-external-writes", "1")
    _set(lab, "--workspace", "w-both", "--max-external-writes", "2")
    sent = event("email_open", "u-both", contactId=str(uuid4()))
    sent["metadata"]["workspaceId"] = "w-both"
    lab.send(sent)
    end = lab.ended(
        execution_id(derived("flow", "u-both", "w-both", "both"), sent, ("contact", sent["payload"]["contactId"]))
    )
    assert (end["status"], end["endReason"]) == ("succeeded", "completed")


def test_an_archived_flow_takes_nothing_new_and_what_runs_ends(lab: Lab) -> None:
    flow, execution, _ = _start(lab, "u-archive", "archive")
    assert lab.begun(execution)["status"] == "running"
    (archived,) = lab.rows("flows", "archive", "archive")
    assert archived["id"] == flow
    # Answered when the workers have applied it.
    end = lab.ended(execution, seconds=1.0)
    assert (end["endReason"], end["waiting"]) == ("archived", [])
    assert _path(end, flow, "wait", "tag") == {"wait": ("skipped", None), "tag": ("skipped", None)}
    _flow, late, _ = _start(lab, "u-archive", "archive")
    for refused in (lab.mal("trigger", flow), lab.mal("trigger", "no such flow")):
        assert (refused.returncode, refused.stdout) == (1, "")
    time.sleep(0.5)
    assert not lab.story(late)
    (shown,) = [one for one in lab.rows("flows", "list") if one["id"] == flow]
    assert (shown["status"], shown["isActive"]) == ("archived", False)


def test_an_execution_stays_on_its_version(lab: Lab, tmp_path: Path) -> None:
    _flow, first, _ = _start(lab, "u-pin", "pin")
    lab.begun(first)
    (second_version,) = _apply(lab, tmp_path, flow_file("u-pin", "pin", {
        "start": ("email_open", {}), "tag": ("tag_contact", {"tag": "v2"}),
    }, "start>tag"))  # fmt: skip
    assert (second_version["version"], second_version["changed"]) == (2, True)
    time.sleep(1.0)  # workers run a published version within a second
    _flow, second, _ = _start(lab, "u-pin", "pin")
    for execution, version in ((second, 2), (first, 1)):
        assert lab.ended(execution)["flowVersion"] == version
        (command,) = lab.commands(execution)
        assert (command.json["payload"]["tag"], command.json["flowVersion"]) == (f"v{version}", version)


def test_a_flow_is_started_by_hand(lab: Lab) -> None:
    contact = str(uuid4())
    done = lab.mal("trigger", "by hand", "--payload", json.dumps({"contactId": contact, "tag": "x"}))
    assert done.returncode == 0, done.stderr
    (execution,) = done.stdout.split()
    end = lab.ended(execution)
    trigger = end["trigger"]
    assert (end["origin"], trigger["type"], trigger["source"]) == ("manual", "manual_trigger", "mal")
    flow = flow_id("u-manual", "by hand")
    assert execution == derived("x", flow, "mal", "contact", contact, trigger["eventId"])
    (command,) = lab.commands(execution)
    assert (command.json["origin"], command.json["payload"]) == ("manual", {"contactId": contact, "tag": "x"})
    # Its subject is the flow's user where nobody else is named; any published flow can be started so.
    (row,) = lab.rows("trigger", flow_id("u-manual", "by event or hand"))
    end = lab.ended(row["executionId"])
    assert end["subject"] == {"type": "user", "id": "u-manual"}
    assert (end["userId"], end["status"]) == ("u-manual", "succeeded")
    assert lab.mal("trigger", "by hand", "--payload", "[]").returncode in {1, 2}


def _set(lab: Lab, *arguments: str) -> None:
    """Set limits, and wait the second within which they are in force."""
    lab.rows("limits", "set", *arguments)
    time.sleep(1.0)


def _apply(lab: Lab, folder: Path, flow: dict[str, Any]) -> list[dict[str, Any]]:
    file = folder / "flow.json"
    file.write_text(json.dumps(flow))
    return lab.rows("flows", "apply", str(file), "--publish")


def test_flows_are_entered_in_the_order_of_their_ids_and_commands_come_within_a_second(lab: Lab) -> None:
    sent = event("email_open", "u-triggers", contactId=str(uuid4()), campaignId="k1")
    started = time.monotonic()
    lab.send(sent)
    flows = {flow_id("u-triggers", name) for name in ("open-any", "open-all", "open-one", "open-some")}
    subject = ("contact", sent["payload"]["contactId"])
    for flow in flows:
        lab.ended(execution_id(flow, sent, subject))
    assert time.monotonic() - started < 1.0
    told = [one.json["flowId"] for one in lab.on(FEED) if one.key == subject[1].encode()]
    assert told == sorted(flows)


def test_a_command_beyond_512_kib_fails_its_step(lab: Lab, tmp_path: Path) -> None:
    nodes = {"start": ("email_open", {}), "tell": ("notify_user", {"message": "{{ event.text }}!"})}
    _apply(lab, tmp_path, flow_file("u-large", "large", nodes, "start>tell"))
    time.sleep(1.0)
    for size, status in ((500, "succeeded"), (513, "failed")):
        flow, execution, _ = _start(lab, "u-large", "large", text="x" * size * 1024)
        end = lab.ended(execution)
        assert end["status"] == status
        assert len(lab.commands(execution)) == (status == "succeeded")
        (step,) = [one for one in end["steps"] if one["nodeId"] == node_id(flow, "tell")]
        assert step["truncated"] is True
        assert len(json.dumps(step["input"])) <= 4096 + 64


def test_an_answer_that_cannot_be_read_is_a_dead_letter(lab: Lab) -> None:
    for value in (b'{"nope": 1}', b"null", b'{"commandId": "c", "attempt": "one", "status": "succeeded"}'):
        partition, offset = lab.put("tap.command-results", value, b"c")
        assert lab.letter("tap.command-results", partition, offset).value == value


@pytest.mark.parametrize("label", [True, False])
def test_without_an_edge_of_the_outcome_the_unlabelled_ones_are_followed(lab: Lab, tmp_path: Path, label: bool) -> None:
    name = f"labels {label}"
    flow = flow_file("u-labels", name, {
        "start": ("email_open", {}), "is": ("if_field_match", {"field": "event.campaignId", "operator": "exists"}),
        "yes": ("log_event", {"message": "y"}), "either": ("log_event", {"message": "e"}),
        "also": ("log_event", {"message": "a"}),
    }, f"start>is is>either is>also {'is>yes:true' if label else 'is>yes:false'}")  # fmt: skip
    _apply(lab, tmp_path, flow)
    time.sleep(1.0)
    flow_id_, execution, _ = _start(lab, "u-labels", name)
    ran = {ref for ref, (status, _) in _path(lab.ended(execution), flow_id_, "yes", "either", "also").items()
           if status == "succeeded"}  # fmt: skip
    assert ran == ({"yes"} if label else {"either", "also"})
