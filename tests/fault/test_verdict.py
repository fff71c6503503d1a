"""The verifier finds nothing wrong in a clean log of the workload, and each thing that is put wrong in it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition

from engine.shard_tables import row_key
from engine.types import Subject
from streams.topics import COMMAND_RESULTS
from tests.fault.model import SCOPE, Model
from tests.fault.readers import astray, left_open
from tests.fault.workload import ASK, DELAY_SECONDS, TAG, WAIT, event, flows
from tests.support.driver import FlowDriver
from tests.support.verdict import JUMP_MS, AuditRows, ExecutionRow, Fault, Finding, Ledger, StepRow, Told, moment_of

RUN = "v"
EVENTS = 200
CONTACTS = 15
TOPIC = "tap.test.events"
COMMANDS = "tap.test.commands"
KEY = b"key"


@dataclass(frozen=True)
class Letter:
    """A dead letter of an input."""

    offset: int
    key: bytes | None
    value: bytes
    error: str = "is no JSON"


@dataclass
class Log:
    """What a run left behind on one partition; what comes in has one row of offsets."""

    inputs: list[tuple[str, bytes]] = field(default_factory=list)
    feed: list[dict[str, Any]] = field(default_factory=list)
    commands: list[dict[str, Any]] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    rows: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    behind_ms: int = 0
    """How far the clocks of those who wrote the feed are behind what it tells."""

    def findings(self, audit: AuditRows | None = None, *, is_once: bool = True) -> list[Finding]:
        model, ledger = Model(RUN), Ledger()
        for offset, (topic, value) in enumerate(self.inputs):
            model.take(topic, 0, offset, KEY, value)
            if topic == COMMAND_RESULTS:
                told = orjson.loads(value)
                ledger.answer(told["commandId"], told["attempt"])
        for offset, record in enumerate(self.feed):
            ledger.feed(0, offset, moment_of(record) - self.behind_ms, orjson.dumps(record))
        for record in self.commands:
            ledger.command(COMMANDS, orjson.dumps(record))
        for letter in self.letters:
            told = {"error": letter.error, "topic": TOPIC, "partition": "0", "offset": str(letter.offset)}
            ledger.letter(letter.key, letter.value, [(name, content.encode()) for name, content in told.items()])
        found = [*ledger.findings(model.end(), is_once=is_once), *model.state_findings(self.rows)]
        return found if audit is None else [*found, *ledger.audited(audit)]

    def audit(self) -> AuditRows:
        executions: dict[str, ExecutionRow] = {}
        steps: dict[tuple[str, str, int], StepRow] = {}
        decided: Counter[Told] = Counter()
        for offset, record in enumerate(self.feed):
            if "decision" in record:
                decided[0, offset, record["reason"], record["eventId"]] += 1
                continue
            execution = record["executionId"]
            subject = record["subject"]["type"], record["subject"]["id"]
            executions[execution] = ExecutionRow(
                record["seq"], record["status"], record["endReason"], record["flowId"], subject
            )
            steps |= {
                (execution, step["nodeId"], step["visit"]): StepRow(step["status"], tuple(step["commandIds"]))
                for step in record["steps"]
            }
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
            made.letters.append(Letter(len(made.inputs), KEY, b"no JSON"))
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
        model.take(topic, 0, offset, KEY, value)
    assert model.present - model.events == {f"{RUN}-{EVENTS}"}
    assert len(model.events) == EVENTS
    assert list(model.missing(model.present)) == []
    assert [finding.fault for finding in model.missing({*model.present, f"{RUN}-{EVENTS + 1}"})] == ["lost"]


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


def _cut_a_letter(log: Log) -> None:
    log.letters[0] = replace(log.letters[0], value=b"no")


def _change_the_key_of_a_letter(log: Log) -> None:
    log.letters[0] = replace(log.letters[0], key=None)


def _do_not_say_why(log: Log) -> None:
    log.letters[0] = replace(log.letters[0], error="")


def _apply_a_unit_twice(log: Log) -> None:
    key, value = next((key, value) for key, value in log.rows["subjects"].items() if b"engagement" in value)
    row = orjson.loads(value)
    row["facts"]["engagement"][""][0] += 1
    log.rows["subjects"][key] = orjson.dumps(row)


def _forget_a_subject(log: Log) -> None:
    del log.rows["subjects"][next(key for key, value in log.rows["subjects"].items() if b"engagement" in value)]


def _forget_an_event_of_a_campaign(log: Log) -> None:
    key, value = next((key, value) for key, value in log.rows["subjects"].items() if b"campaigncampaign-" in key)
    row = orjson.loads(value)
    row["seen"].popitem()
    log.rows["subjects"][key] = orjson.dumps(row)


def _keep_a_subject_of_no_input(log: Log) -> None:
    log.rows["subjects"][row_key(SCOPE, Subject("contact", "nobody")).encode()] = b"{}"


def _keep_entries_of_no_input(log: Log) -> None:
    log.rows["entries"][row_key(SCOPE, Subject("contact", "nobody")).encode()] = b"{}"


def _keep_a_page_of_no_subject(log: Log) -> None:
    key = next(key for key, value in log.rows["subjects"].items() if b"engagement" in value)
    log.rows["subjects"][key + b"\x1f7"] = b"{}"


def _keep_an_execution(log: Log) -> None:
    log.rows["executions"] = {b"kept": b"{}"}


def _turn_two_entries_round(log: Log) -> None:
    first = log.feed[20]
    later = next(record for record in reversed(log.feed) if record.get("seq") == 1 and "input" in record)
    first["subject"] = later["subject"]
    first["input"], later["input"] = later["input"], first["input"]


def _turn_two_commands_round(log: Log) -> None:
    """Of one subject and a flow that commands at once."""
    mine: dict[str, list[int]] = {}
    for place, command in enumerate(log.commands):
        if command["flowId"] == TAG:
            mine.setdefault(command["subject"]["id"], []).append(place)
    one, two, *_ = max(mine.values(), key=len)
    log.commands[one], log.commands[two] = log.commands[two], log.commands[one]


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
        (_cut_a_letter, "lost"),
        (_change_the_key_of_a_letter, "lost"),
        (_do_not_say_why, "lost"),
        (_apply_a_unit_twice, "state"),
        (_forget_a_subject, "state"),
        (_forget_an_event_of_a_campaign, "state"),
        (_keep_a_subject_of_no_input, "state"),
        (_keep_entries_of_no_input, "state"),
        (_keep_a_page_of_no_subject, "state"),
        (_keep_an_execution, "state"),
        (_turn_two_entries_round, "order"),
        (_turn_two_commands_round, "order"),
        (_fire_early, "time"),
        (_fire_before_any_clock_was_there, "time"),
        (_turn_the_clock_back, "time"),
    ],
)
def test_what_is_wrong_is_found(log: Log, put_wrong: Callable[[Log], None], fault: Fault) -> None:
    put_wrong(log)
    assert fault in {finding.fault for finding in log.findings()}


def test_where_a_command_may_come_again_only_that_is_no_fault(log: Log) -> None:
    log.commands += log.commands[:20]
    assert {finding.fault for finding in log.findings()} == {"twice"}
    assert log.findings(is_once=False) == []
    _make_a_command_up(log)
    log.commands = [one for one in log.commands if one["id"] != log.commands[0]["id"]]
    assert {finding.fault for finding in log.findings(is_once=False)} == {"lost", "unexpected"}


def _lose_a_row(rows: AuditRows) -> None:
    rows.executions.popitem()


def _fall_behind(rows: AuditRows) -> None:
    execution, row = rows.executions.popitem()
    rows.executions[execution] = row._replace(status="running")


def _end_it_of_something_else(rows: AuditRows) -> None:
    execution, row = rows.executions.popitem()
    rows.executions[execution] = row._replace(end_reason="cancelled")


def _give_it_another_flow(rows: AuditRows) -> None:
    execution, row = rows.executions.popitem()
    rows.executions[execution] = row._replace(flow_id="flow-x")


def _give_it_another_subject(rows: AuditRows) -> None:
    execution, row = rows.executions.popitem()
    rows.executions[execution] = row._replace(subject=("contact", "nobody"))


def _lose_a_step(rows: AuditRows) -> None:
    rows.steps.popitem()


def _give_a_step_other_commands(rows: AuditRows) -> None:
    step, row = rows.steps.popitem()
    rows.steps[step] = row._replace(command_ids=("made-up",))


def _change_a_reason(rows: AuditRows) -> None:
    (partition, offset, _, event_id), _ = rows.decisions.popitem()
    rows.decisions[partition, offset, "paused", event_id] += 1


def _change_an_event(rows: AuditRows) -> None:
    (partition, offset, reason, _), _ = rows.decisions.popitem()
    rows.decisions[partition, offset, reason, "made-up"] += 1


def _double_a_row(rows: AuditRows) -> None:
    rows.decisions[next(iter(rows.decisions))] += 1


def _lose_an_answer(rows: AuditRows) -> None:
    rows.answers.popitem()


@pytest.mark.parametrize(
    "put_wrong",
    [
        _lose_a_row,
        _fall_behind,
        _end_it_of_something_else,
        _give_it_another_flow,
        _give_it_another_subject,
        _lose_a_step,
        _give_a_step_other_commands,
        _change_a_reason,
        _change_an_event,
        _double_a_row,
        _lose_an_answer,
    ],
)
def test_what_postgres_has_otherwise_is_found(log: Log, put_wrong: Callable[[AuditRows], None]) -> None:
    rows = log.audit()
    put_wrong(rows)
    assert [finding.fault for finding in log.findings(rows)] == ["audit"]


PARTITION = TopicPartition(TOPIC, 3)


def test_a_transaction_that_is_left_open_is_found() -> None:
    assert left_open({PARTITION: 9}, {PARTITION: 9}) == []
    assert [finding.fault for finding in left_open({PARTITION: 8}, {PARTITION: 9})] == ["offsets"]


def test_a_group_that_is_past_what_the_state_has_is_found() -> None:
    state, ends = {3: {TOPIC: 8}}, {PARTITION: 9}
    assert astray({PARTITION: 8}, state, ends, set()) == []
    assert [finding.fault for finding in astray({PARTITION: 9}, state, ends, set())] == ["offsets"]
    assert astray({PARTITION: 9}, state, ends, {(TOPIC, 3, 8)}) == [], "what has no value is passed over"


def test_a_position_beyond_the_end_of_its_input_is_found() -> None:
    assert [finding.fault for finding in astray({}, {3: {TOPIC: 10}}, {PARTITION: 9}, set())] == ["offsets"]
