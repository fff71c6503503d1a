"""A pytest plugin that writes down which node types the tests of a run exercised on the virtual clock, and how.

`pytest -p tests.support.exercised`, with the path of a file in EXERCISED, which becomes a JSON list of `Exercise`s.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from engine.types import Subject
from tests.support.driver import FlowDriver

FILE_VARIABLE = "EXERCISED"
ASKED = "asked"
"""A trigger was shown an event of its type."""
WAITS = "waits"


class Exercise(NamedTuple):
    """A node type in a test, and what came of it: a port, `waits`, `asked`, or the code of an error."""

    name: str
    outcome: str
    test: str


_seen: set[Exercise] = set()


def read(path: Path) -> set[Exercise]:
    """Read what a run wrote."""
    return {Exercise(*one) for one in orjson.loads(path.read_bytes())}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Look over the shoulder of every driver of a test."""

    def note(name: str, outcome: str) -> None:
        _seen.add(Exercise(name, outcome, item.nodeid))

    def send(driver: FlowDriver, event: Mapping[str, Any], *more: Any, **named: Any) -> Any:
        for flow in driver.flow_table.snapshot().flows.values():
            for plan in flow.plans.values():
                if plan.trigger.type.name == event["type"]:
                    note(plan.trigger.type.name, ASKED)
        return sends(driver, event, *more, **named)

    def record(driver: FlowDriver, subject: Subject | None, told: dict[str, Any]) -> None:
        records(driver, subject, told)
        for step in told.get("steps", ()):
            if step["status"] != "skipped":
                note(step["subtype"], step["error"]["code"] if step["error"] else step["port"] or WAITS)

    sends, records = FlowDriver.send, FlowDriver.record
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FlowDriver, "send", send)
        patch.setattr(FlowDriver, "record", record)
        yield


def pytest_sessionfinish() -> None:
    """Write down what was seen."""
    Path(os.environ[FILE_VARIABLE]).write_bytes(orjson.dumps([[*one] for one in sorted(_seen)]))
