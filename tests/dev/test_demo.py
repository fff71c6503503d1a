"""The demo's reckoning: what it counts on Kafka, and that it finds what does not reconcile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from dev.demo_census import Census
from dev.demo_checks import Audit, reconcile
from dev.demo_report import Progress
from engine.systems import BY_COMMAND_TYPE
from store.reconcile import FlowSums
from streams.topics import COMMAND_RESULTS, DEAD_LETTERS, EXECUTIONS, TRIGGERS

STATUSES = ("succeeded", "failed", "partial")
PUBLISHED = 4


class Log:
    """Records of a run, each put at the end of partition 0 of its topic."""

    def __init__(self) -> None:
        self.census = Census()
        self._next = 0

    def put(self, topic: str, **record: Any) -> None:
        self.census.take(topic, 0, self._next, orjson.dumps(record))
        self._next += 1

    def event(self, number: int, caused_by: str | None = None) -> None:
        metadata = {"userId": "user_001", **({"causedBy": caused_by} if caused_by else {})}
        self.put("tap.email-engine.events", id=f"e{number}", type="email_open", source="email_engine", payload={},
                 metadata=metadata)  # fmt: skip

    def command(self, kind: str, attempt: int = 1) -> None:
        topic = BY_COMMAND_TYPE[kind].commands_topic
        assert topic is not None
        self.put(topic, id=f"c-{kind}", type=kind, attempt=attempt)

    def answer(self, kind: str, attempt: int = 1) -> None:
        self.put(COMMAND_RESULTS, commandId=f"c-{kind}", attempt=attempt, status="succeeded")

    def moved(self, number: int, seq: int, status: str, commands: list[str], node: str = "n") -> None:
        step = {"nodeId": node, "visit": 1, "commandIds": commands}
        self.put(EXECUTIONS, executionId=f"x{number}", seq=seq, flowId="f", status=status,
                 trigger={"eventId": f"e{number}"}, steps=[step])  # fmt: skip


def whole_run() -> tuple[Log, Audit]:
    """A run in which everything is as it must be."""
    log = Log()
    for number in range(PUBLISHED):
        log.event(number, caused_by="c-tag_contact" if number == 1 else None)
    for kind in BY_COMMAND_TYPE:
        log.command(kind)
        log.answer(kind)
    ids = [f"c-{kind}" for kind in BY_COMMAND_TYPE]
    for number, status in enumerate(STATUSES):
        log.moved(number, 1, "running", ids, node="a")
        log.moved(number, 2, status, [], node="b")
    log.put(EXECUTIONS, decision="suppressed", reason="duplicate_event")
    ends = Counter({("f", status): 1 for status in STATUSES})
    audit = Audit(ends, 6, Counter({("suppressed", "duplicate_event"): 1}), len(ids), Counter(ids))
    return log, audit


def failed(log: Log, audit: Audit, published: int = PUBLISHED) -> list[str]:
    return [check.what for check in reconcile(log.census, audit, published=published) if not check.ok]


def test_a_whole_run_reconciles() -> None:
    assert failed(*whole_run()) == []


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda log: log.event(9), ["events on Kafka = events published"]),
        (lambda log: log.put(DEAD_LETTERS), ["no events that could not be read"]),
        (lambda log: log.command("tag_contact"), ["each command on Kafka once"]),
        (lambda log: log.command("tag_contact", attempt=2), ["no commands without an answer"]),
        (
            lambda log: log.moved(0, 4, "succeeded", []),
            ["steps in Postgres = on the feed", "no records missing on the feed"],
        ),
        (
            lambda log: log.moved(0, 3, "running", [], node="a"),
            ["executions by flow and status, the same in both", "no executions still running",
             "executions that succeeded"],
        ),
        (
            lambda log: log.put(EXECUTIONS, decision="suppressed", reason="too_deep"),
            ["decisions by reason, the same in both"],
        ),
    ],
)  # fmt: skip
def test_what_kafka_has_too_much_is_found(spoil: Callable[[Log], None], found: list[str]) -> None:
    log, audit = whole_run()
    spoil(log)
    assert failed(log, audit) == found


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"command_ids": Counter()}, ["no commands on Kafka without a step in Postgres"]),
        (
            {"command_ids": Counter({f"c-{kind}": 2 for kind in BY_COMMAND_TYPE})},
            ["no commands that stand in two steps"],
        ),
        ({"steps": 5}, ["steps in Postgres = on the feed"]),
        ({"answers": 6}, ["answers in Postgres = on Kafka"]),
        ({"flows": {"f": FlowSums(3, 2, 0, 0, 0, 2, 0)}}, ["no flows whose matches or executions do not add up"]),
        ({"flows": {"f": FlowSums(3, 2, 1, 0, 0, 1, 0)}}, ["no flows whose matches or executions do not add up"]),
        ({"unexplained": ["step x n"]}, ["no steps, waits or ends without a reason"]),
        (
            {"executions": Counter({("f", "succeeded"): 2})},
            ["executions in Postgres = on the feed", "executions by flow and status, the same in both"],
        ),
    ],
)
def test_what_postgres_lacks_is_found(change: dict[str, Any], found: list[str]) -> None:
    log, audit = whole_run()
    assert failed(log, replace(audit, **change)) == found


def test_a_command_that_only_postgres_has_is_found() -> None:
    log, audit = whole_run()
    more = replace(audit, command_ids=audit.command_ids | Counter(["c-lost"]))
    assert failed(log, more) == ["no commands of steps in Postgres that are not on Kafka"]


def test_a_run_that_shows_too_little_is_found() -> None:
    assert failed(Log(), Audit(), published=0) == [
        "each type of command answered", "executions started by the work of a command",
        "executions that succeeded", "executions that failed", "executions that succeeded in part",
    ]  # fmt: skip


def test_only_the_place_of_a_trigger_is_noted() -> None:
    log = Log()
    log.put(TRIGGERS, anything=1)
    assert log.census.next_offsets == {(TRIGGERS, 0): 1}
    assert log.census.events.total() == 0


def test_progress_is_one_line() -> None:
    log, _ = whole_run()
    assert Progress(4, 16, log.census, 3, 1.25).line() == (
        "  1.2 s   25% told · events 4 · executions 3 (0 running) · commands 7 · answers 7 · audit behind by 3"
    )
