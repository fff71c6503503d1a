"""The verifier finds nothing wrong in a clean log of the workload, and each thing that is put wrong in it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from streams.topics import COMMAND_RESULTS
from tests.fault.model import Model
from tests.fault.workload import ASK, DELAY_SECONDS, WAIT, event, flows
from tests.support.driver import FlowDriver
from tests.support.verdict import JUMP_MS, AuditRows, Fault, Finding, Ledger, moment_of

RUN = "v"
EVENTS = 200
CONTACTS = 15
TOPIC = "tap.test.events"
COMMANDS = "tap.test.commands"


@dataclass
class Log:
    """What a run left behind on one partition; what comes in has one row of offsets."""

    inputs: list[tuple[str, bytes]] = field(default_factory=list)
    feed: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    letters: list[int] = field(default_factory=list)
    rows: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    behind_ms: int = 0
    """How far the clocks of those who wrote the feed are behind what it tells."""

    def findings(self, audit: AuditRows | None = None) -> list[Finding]:
        model, ledger = Model(RUN), Ledger()
        for offset, (topic, value) in enumerate(self.inputs):
            model.take(topic, 0, offset, value)
            if topic == COMMAND_RESULTS:
                told = orjson.loads(value)
                ledger.answer(told["commandId"], told["attempt"])
        for offset, record in enumerate(self.feed):
            ledger.feed(0, offset, moment_of(record) - self.behind_ms, orjson.dumps(record))
        for record in self.commands:
            ledger.command(COMMANDS, orjson.dumps(record))
        for offset in self.letters:
            ledger.letter([("topic", TOPIC.encode()), ("partition", b"0"), ("offset", str(offset).encode())])
        found = [*ledger.findings(model.end()), *model.state_findings(self.rows)]
        return found if audit is None else [*found, *ledger.audited(audit)]

    def audit(self) -> AuditRows:
        executions: dict[str, tuple[int, str]] = {}
        steps: dict[tuple[str, str, int], str] = {}
        decided: Counter[tuple[int, int]] = Counter()
        for offset, record in enumerate(self.feed):
            if "decision" in record:
                decided[0, offset] += 1
                continue
            execution = record["executionId"]
            executions[execution] = record["seq"], record["status"]
            steps |= {(execution, step["nodeId"], step["visit"]): step["status"] for step in record["steps"]}
        answers = [orjson.loads(value) for topic, value in self.inputs if topic == COMMAND_RESULTS]
        answered = {(told["commandId"], told["attempt"]) for told in answers}
        return AuditRows(executions, steps, decided, Counter(answered))

    def of(self, flow_id: str, seq: int = 1) -> dict[str, Any]:
        """A record of an execution of a flow, from the middle of the feed."""
        found = [record for record in self.feed if record.get("flowId") == flow_id and record.get("seq") == seq]
        return found[len(found) // 2]


@pytest.fixture
def log() -> Log:
    """The workload as the engine decides it on a virtual clock, with repeats, poison and answers that come twice."""
    driver, dice, made = FlowDriver(*flows()), random.Random(7), Log()

    def send(told: dict[str, Any]) -> None:
        made.inputs.append((TOPIC, orjson.dumps(told)))
        before = len(driver.sent)
        driver.send(told)
        for number in range(before, len(driver.sent)):
            run, command = driver.sent[number]
            if (run.flow_id, command.node_id) == (ASK, "do"):
                for _ in range(dice.randint(1, 2)):
                    answer = {"commandId": command.id, "attempt": command.attempt}
                    made.inputs.append((COMMAND_RESULTS, orjson.dumps(answer)))
                    driver.answer(number)
        driver.advance(0.2)

    for number in range(EVENTS):
        told = event(RUN, number, dice)
        told["payload"]["contactId"] = f"contact-{dice.randrange(CONTACTS)}"
        for _ in range(2 if number % 20 == 0 else 1):
            send(told)
        if number % 50 == 0:
            made.letters.append(len(made.inputs))
            made.inputs.append((TOPIC, b"no JSON"))
            driver.next_offset += 1
    send({**event(RUN, EVENTS, dice), "metadata": {}})
    driver.advance(DELAY_SECONDS + 1)
    assert driver.next_offset == len(made.inputs)
    made.feed = driver.feed
    made.commands = [
        {
            "id": command.id, "attempt": command.attempt, "subject": {"id": command.subject.id},
            "flowId": run.flow_id, "executionId": run.id,
        }
        for run, command in driver.sent
    ]  # fmt: skip
    made.rows = {
        table: {key.encode(): value for key, value in rows.items()} for table, rows in driver.tables.rows.items()
    }
    return made


def test_a_clean_log_has_nothing_wrong(log: Log) -> None:
    assert log.findings(log.audit()) == []
    assert {record["reason"] for record in log.feed if "decision" in record} == {
        "duplicate_event", "already_entered", "late_result", "unscoped",
    }  # fmt: skip


def test_a_clock_that_is_set_back_between_deciding_and_writing_is_no_timer_that_fired_early(log: Log) -> None:
    log.behind_ms = JUMP_MS
    assert log.findings() == []


def test_an_event_of_nobody_is_there_all_the_same(log: Log) -> None:
    model = Model(RUN)
    for offset, (topic, value) in enumerate(log.inputs):
        model.take(topic, 0, offset, value)
    assert model.present - model.events == {f"{RUN}-{EVENTS}"}
    assert len(model.events) == EVENTS


def _lose_a_command(log: Log) -> None:
    del log.commands[50]


def _double_a_command(log: Log) -> None:
    log.commands.append(log.commands[50])


def _make_a_command_up(log: Log) -> None:
    log.commands.append({**log.commands[50], "id": "made-up"})


def _lose_an_execution(log: Log) -> None:
    lost = log.feed[50]["executionId"]
    log.feed = [record for record in log.feed if record.get("executionId") != lost]


def _leave_an_execution_running(log: Log) -> None:
    execution = log.of(WAIT)["executionId"]
    log.feed = [record for record in log.feed if (record.get("executionId"), record.get("seq")) != (execution, 2)]


def _double_a_record(log: Log) -> None:
    log.feed.insert(100, log.feed[100])


def _lose_a_decision(log: Log) -> None:
    log.feed.remove(next(record for record in log.feed if "decision" in record))


def _double_a_decision(log: Log) -> None:
    log.feed.append({**next(record for record in log.feed if "decision" in record), "at": log.feed[-1]["startedAt"]})


def _lose_a_letter(log: Log) -> None:
    log.letters.pop()


def _double_a_letter(log: Log) -> None:
    log.letters.append(log.letters[0])


def _apply_a_unit_twice(log: Log) -> None:
    key, value = next((key, value) for key, value in log.rows["subjects"].items() if b"engagement" in value)
    row = orjson.loads(value)
    row["facts"]["engagement"][""][0] += 1
    log.rows["subjects"][key] = orjson.dumps(row)


def _forget_a_subject(log: Log) -> None:
    del log.rows["subjects"][next(key for key, value in log.rows["subjects"].items() if b"engagement" in value)]


def _keep_an_execution(log: Log) -> None:
    log.rows["executions"] = {b"kept": b"{}"}


def _turn_two_entries_round(log: Log) -> None:
    first = log.feed[20]
    later = next(record for record in reversed(log.feed) if record.get("seq") == 1 and "input" in record)
    first["subject"] = later["subject"]
    first["input"], later["input"] = later["input"], first["input"]


def _fire_early(log: Log) -> None:
    record = log.of(WAIT)
    record["waiting"][0]["until"] = "2026-12-31T00:00:00Z"


def _fire_before_any_clock_was_there(log: Log) -> None:
    log.behind_ms = 3_000


def _turn_the_clock_back(log: Log) -> None:
    log.feed.insert(0, log.feed.pop())


@pytest.mark.parametrize(
    ("put_wrong", "fault"),
    [
        (_lose_a_command, "lost"),
        (_double_a_command, "twice"),
        (_make_a_command_up, "unexpected"),
        (_lose_an_execution, "lost"),
        (_leave_an_execution_running, "lost"),
        (_double_a_record, "twice"),
        (_lose_a_decision, "lost"),
        (_double_a_decision, "twice"),
        (_lose_a_letter, "lost"),
        (_double_a_letter, "twice"),
        (_apply_a_unit_twice, "state"),
        (_forget_a_subject, "state"),
        (_keep_an_execution, "state"),
        (_turn_two_entries_round, "order"),
        (_fire_early, "time"),
        (_fire_before_any_clock_was_there, "time"),
        (_turn_the_clock_back, "time"),
    ],
)
def test_what_is_wrong_is_found(log: Log, put_wrong: Callable[[Log], None], fault: Fault) -> None:
    put_wrong(log)
    assert fault in {finding.fault for finding in log.findings()}


def _lose_a_row(rows: AuditRows) -> None:
    rows.executions.popitem()


def _fall_behind(rows: AuditRows) -> None:
    execution, (seq, _) = rows.executions.popitem()
    rows.executions[execution] = seq, "running"


def _lose_a_step(rows: AuditRows) -> None:
    rows.steps.popitem()


def _double_a_row(rows: AuditRows) -> None:
    rows.decisions[next(iter(rows.decisions))] += 1


def _lose_an_answer(rows: AuditRows) -> None:
    rows.answers.popitem()


@pytest.mark.parametrize("put_wrong", [_lose_a_row, _fall_behind, _lose_a_step, _double_a_row, _lose_an_answer])
def test_what_postgres_has_otherwise_is_found(log: Log, put_wrong: Callable[[AuditRows], None]) -> None:
    rows = log.audit()
    put_wrong(rows)
    assert [finding.fault for finding in log.findings(rows)] == ["audit"]
