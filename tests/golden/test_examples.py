"""Each example does what its name says: its exact commands on a virtual clock, and none on the counter-case.

The cases stand beside this file as YAML, one file for each example: a script of events and advances of the clock, the
commands that must be out at its end, in their order, and the status of each execution.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.flow_yaml import read_yaml
from engine import ids
from engine.files import draw, read_flow_file
from engine.flow import FlowVersion
from engine.systems import BY_COMMAND_TYPE, BY_EVENT_TYPE
from tests.support.driver import FlowDriver

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
CASES = Path(__file__).parent / "examples"

Case = dict[str, Any]


def cases_of(example: Path) -> list[Case]:
    found: list[Case] = read_yaml((CASES / example.name).read_text())
    return found


def all_cases() -> Iterator[Any]:
    for example in EXAMPLES:
        for case in cases_of(example):
            yield pytest.param(example, case, id=f"{example.stem}: {case['name']}")


def published(example: Path) -> FlowVersion:
    """The example as the store would publish it."""
    check = read_flow_file(read_yaml(example.read_text()))
    assert check.validation.errors == ()
    assert check.file is not None
    flow = check.file.flow
    flow_id = ids.flow_id(flow.user_id, flow.workspace_id, flow.name)
    drawing = draw(check.file, flow_id, {})
    return FlowVersion(
        flow_id=flow_id, version=1, name=flow.name, user_id=flow.user_id, workspace_id=flow.workspace_id,
        trigger_type=flow.trigger_type, settings=flow.settings, nodes=drawing.nodes, edges=drawing.edges,
    )  # fmt: skip


def event(given: dict[str, Any]) -> dict[str, Any]:
    source = BY_EVENT_TYPE[given["type"]].sources[-1]
    return {"source": source, "metadata": {"userId": "user_001"}, **given}


def play(driver: FlowDriver, step: dict[str, Any]) -> None:
    """Do one step of a script."""
    ((verb, what),) = step.items()
    match verb:
        case "send":
            driver.send(event(what))
        case "advance":
            driver.advance(timedelta(**what).total_seconds())
        case "expect_commands":
            assert len(driver.commands) == what, f"commands so far: {driver.commands}"
        case _:
            raise AssertionError(f"a script has no verb {verb!r}")


@pytest.mark.parametrize(("example", "case"), list(all_cases()))
def test_an_example_does_what_it_says(example: Path, case: Case) -> None:
    driver = FlowDriver(published(example))
    for step in case["script"]:
        play(driver, step)
    assert [json.loads(json.dumps(command)) for command in driver.commands] == case["commands"]
    assert [execution["status"] for execution in driver.executions] == case["statuses"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_has_a_case_and_a_counter_case(example: Path) -> None:
    outcomes = {bool(case["commands"]) for case in cases_of(example)}
    assert outcomes == {True, False}, "an example needs a case with commands and one without"


def test_between_them_the_examples_send_every_type_of_command() -> None:
    sent = {command["type"] for example in EXAMPLES for case in cases_of(example) for command in case["commands"]}
    assert sent == set(BY_COMMAND_TYPE)


def test_between_them_the_examples_end_in_every_way() -> None:
    ends = {status for example in EXAMPLES for case in cases_of(example) for status in case["statuses"]}
    assert {"succeeded", "failed", "partial"} <= ends
