"""Limits that change while a worker runs (contract.md section 7): in force within a second for what starts after."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from tests.contract.lab import Lab, event, execution_id, flow_file, flow_id, until

pytestmark = pytest.mark.services

USER = "u-changes"
TAGS = {"one": ("tag_contact", {"tag": "1"}), "two": ("tag_contact", {"tag": "2"})}
WITHIN_SECONDS = 1.0


def publish(lab: Lab, folder: Path, name: str, nodes: dict[str, Any], edges: str) -> None:
    file = folder / f"{name}.json"
    file.write_text(json.dumps(flow_file(USER, name, {"start": ("email_open", {}), **nodes, **TAGS}, edges)))
    lab.rows("flows", "apply", str(file), "--publish")


def start(lab: Lab, name: str) -> str:
    """Open as somebody new; return the execution of a flow."""
    opened = event("email_open", USER, contactId=str(uuid4()))
    lab.send(opened)
    return execution_id(flow_id(USER, name), opened, ("contact", opened["payload"]["contactId"]))


def workers(lab: Lab) -> set[int]:
    ours = psutil.Process(lab.up.process.pid).children(recursive=True)
    return {process.pid for process in ours if "worker" in process.cmdline()}


def test_a_limit_holds_for_what_starts_after_it_on_a_worker_that_runs_on(lab: Lab, tmp_path: Path) -> None:
    publish(lab, tmp_path, "later", {"wait": ("delay", {"delaySeconds": 6 * 3600})}, "start>wait wait>one one>two")
    publish(lab, tmp_path, "at once", {}, "start>one one>two")
    probes: list[str] = []

    def is_in_force() -> bool:
        probes.append(start(lab, "at once"))
        return any(map(lab.story, probes))

    until(is_in_force, 5.0, "the flow is in force")
    before = workers(lab)
    assert before
    early = start(lab, "later")
    assert lab.begun(early)["status"] == "running"
    for most, reason in ((1, "limit"), (2, "completed")):
        lab.rows("limits", "set", "--user", USER, "--max-actions", str(most))
        deadline = time.monotonic() + WITHIN_SECONDS
        sent_at = time.monotonic()
        while (end := lab.ended(last := start(lab, "at once")))["endReason"] != reason:
            assert sent_at < deadline, f"{most} actions are not in force after {WITHIN_SECONDS:g} s: {end}"
            sent_at = time.monotonic()
        assert commands(lab, last, most) == most
        assert (end["error"] or {}).get("value") == (most if reason == "limit" else None)
    lab.rows("limits", "set", "--user", USER, "--max-actions", "1")
    # What it started with holds to its end, whatever became of the limit meanwhile.
    end = lab.ended(early)
    assert (end["status"], end["endReason"]) == ("succeeded", "completed")
    assert commands(lab, early, 2) == 2
    assert workers(lab) == before


def commands(lab: Lab, execution: str, number: int) -> int:
    """Return how many commands an execution made, once there are so many."""
    return len(until(lambda: lab.commands(execution)[number - 1 :] and lab.commands(execution), 5.0, "its commands"))
