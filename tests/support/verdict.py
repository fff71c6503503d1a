"""Records in, a verdict out: whether what a run left on its topics is what its input asks for, each thing once.

Pure: reads nothing and waits for nothing. Whoever runs the engine hands over the records a read_committed reader sees
and what was to be expected; `Ledger.findings` names every difference. Knows the contract, not the engine's code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import orjson

from engine.wire import parse_rfc3339

SHOWN = 5
JUMP_MS = 2_000
"""So far a worker's clock may be set back between deciding and writing what was decided."""

Fault = Literal["lost", "twice", "unexpected", "order", "time", "state", "audit", "offsets"]
Place = tuple[str, int, int]
"""Topic, partition, offset."""
Content = tuple[bytes | None, bytes | None]
"""Key and value of a record."""
Told = tuple[int, int, str, str]
"""A decision on the feed: partition, offset, reason, event id."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be: what kind, how often, and some of them."""

    fault: Fault
    what: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.fault}: {self.count:,} {self.what}, such as {'; '.join(self.examples)}"


class ExecutionRow(NamedTuple):
    """What Postgres has of an execution. `subject`: type and id."""

    seq: int
    status: str
    end_reason: str | None
    flow_id: str
    subject: tuple[str, str]


class StepRow(NamedTuple):
    """What Postgres has of a step."""

    status: str
    command_ids: tuple[str, ...]


@dataclass(slots=True)
class Story:
    """What the feed has told of one execution."""

    flow_id: str
    subject: tuple[str, str]
    """Type and id."""
    seqs: list[int]
    status: str
    end_reason: str | None
    entered: Place | None
    """Where the record lies that started it."""
    steps: dict[tuple[str, int], StepRow] = field(default_factory=dict)

    @property
    def row(self) -> ExecutionRow:
        """What Postgres must have of it."""
        return ExecutionRow(self.seqs[-1], self.status, self.end_reason, self.flow_id, self.subject)


@dataclass(slots=True)
class Expected:
    """What the input asks for."""

    executions: dict[str, str] = field(default_factory=dict)
    """Execution → the status it ends with."""
    commands: set[tuple[str, int]] = field(default_factory=set)
    """(id, attempt)."""
    decisions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(reason, event id)."""
    letters: dict[Place, Content] = field(default_factory=dict)
    """Records that cannot be read."""


@dataclass(slots=True)
class AuditRows:
    """What Postgres holds."""

    executions: dict[str, ExecutionRow]
    steps: dict[tuple[str, str, int], StepRow]
    """(execution, node, visit) → the step."""
    decisions: Counter[Told]
    answers: Counter[tuple[str, int]]


class Ledger:
    """Folds records as they are read: the commands, the feed, the dead letters, the answers."""

    def __init__(self) -> None:
        self.commands: Counter[tuple[str, int]] = Counter()
        self.stories: dict[str, Story] = {}
        self.decisions: Counter[tuple[str, str]] = Counter()
        self.decided: set[Told] = set()
        self.letters: Counter[Place] = Counter()
        self._letters: dict[Place, Content] = {}
        self._without_reason: list[str] = []
        self.answers: set[tuple[str, int]] = set()
        self._waits: dict[str, int] = {}
        self._reached: dict[int, int] = {}
        self._clocks: dict[int, int] = {}
        self._entered: dict[tuple[str, str, int], int] = {}
        self._sent: dict[tuple[str, str, str], int] = {}
        self._backwards: list[str] = []
        self._early: list[str] = []
        self._disorder: list[str] = []
        self._unordered_commands: list[tuple[str, str, str, str]] = []

    # ---- records, those of a partition in their order

    def command(self, topic: str, value: bytes) -> None:
        """Take a record of a commands topic."""
        told = orjson.loads(value)
        self.commands[told["id"], told["attempt"]] += 1
        self._unordered_commands.append((topic, told["subject"]["id"], told["flowId"], told["executionId"]))

    def feed(self, partition: int, offset: int, timestamp_ms: int, value: bytes) -> None:
        """Take a record of the feed. Its Kafka timestamp is the wall clock of the worker that wrote it."""
        told = orjson.loads(value)
        reached_ms = self._reached[partition] = max(timestamp_ms, self._reached.get(partition, 0))
        if "decision" in told:
            self.decisions[told["reason"], told["eventId"]] += 1
            self.decided.add((partition, offset, told["reason"], told["eventId"]))
            self._note_clock(partition, offset, moment_of(told))
            return
        execution = told["executionId"]
        now_ms = moment_of(told)
        self._note_clock(partition, offset, now_ms)
        story = self.stories.get(execution)
        if story is None:
            story = self.stories[execution] = Story(
                told["flowId"],
                (told["subject"]["type"], told["subject"]["id"]),
                seqs=[],
                status="",
                end_reason=None,
                entered=_place(told.get("input")),
            )
            self._note_entry(story, execution)
        story.seqs.append(told["seq"])
        story.status, story.end_reason = told["status"], told["endReason"]
        for step in told["steps"]:
            story.steps[step["nodeId"], step["visit"]] = StepRow(step["status"], tuple(step["commandIds"]))
        until_ms = self._waits.pop(execution, None)
        if until_ms is not None and "input" not in told:
            # A timer that fires too soon sets the shard's clock to when it is due, so that clock alone tells nothing.
            # It is never ahead of the wall's, whatever the inputs say: a worker of this shard must have come so far.
            early_ms = until_ms - min(now_ms, reached_ms + JUMP_MS)
            if early_ms > 0:
                self._early.append(f"{execution}, {early_ms} ms")
        delays = [parse_rfc3339(wait["until"]) for wait in told["waiting"] if wait["for"] == "delay"]
        if delays:
            self._waits[execution] = min(delays)

    def letter(self, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> None:
        """Take a record of `mal.dead-letters`."""
        told = {name: content.decode() for name, content in headers}
        place = told["topic"], int(told["partition"]), int(told["offset"])
        self.letters[place] += 1
        self._letters[place] = key, value
        if not told.get("error"):
            self._without_reason.append(str(place))

    def answer(self, command: str, attempt: int) -> None:
        """Take an answer of `tap.command-results`."""
        self.answers.add((command, attempt))

    def _note_clock(self, partition: int, offset: int, now_ms: int) -> None:
        before = self._clocks.get(partition, 0)
        if now_ms < before:
            self._backwards.append(f"{partition}:{offset}, {before - now_ms} ms")
        self._clocks[partition] = max(before, now_ms)

    def _note_entry(self, story: Story, execution: str) -> None:
        if story.entered is None:
            return
        topic, partition, offset = story.entered
        way = (story.subject[1], topic, partition)
        if offset < self._entered.get(way, -1):
            self._disorder.append(f"{execution} of {story.subject[1]} began after a later event of {topic}")
        self._entered[way] = max(offset, self._entered.get(way, -1))

    # ---- the verdict

    @property
    def repeats(self) -> int:
        """How many commands were there already."""
        return self.commands.total() - len(self.commands)

    def findings(self, expected: Expected, *, is_once: bool = True) -> Iterator[Finding]:
        """Name what is lost, there twice, or not as it must be.

        Args:
            expected: what the input asks for.
            is_once: whether a command must not be there again (`exactly_once`).
        """
        yield from _compare("commands", expected.commands, self.commands if is_once else Counter(set(self.commands)))
        yield from _compare("executions", expected.executions, Counter(self.stories.keys()))
        yield from _compare("dead letters", expected.letters, self.letters)
        yield from _finding(
            "lost",
            "dead letters that are not their records, byte for byte",
            (str(place) for place, one in self._letters.items() if expected.letters.get(place, one) != one),
        )
        yield from _finding("lost", "dead letters that do not say why", self._without_reason)
        yield from _compare_counts("decisions", expected.decisions, self.decisions)
        yield from _finding(
            "lost",
            "executions that have not ended as they must",
            (
                f"{execution} is {story.status}"
                for execution, story in self.stories.items()
                if expected.executions.get(execution, story.status) != story.status
            ),
        )
        broken = [
            (one, story) for one, story in self.stories.items() if story.seqs != list(range(1, len(story.seqs) + 1))
        ]
        yield from _finding(
            "twice" if any(len(set(story.seqs)) < len(story.seqs) for _, story in broken) else "lost",
            "executions whose records are not 1, 2, 3 …",
            (f"{execution}: {story.seqs}" for execution, story in broken),
        )
        yield from _finding("order", "entries of a subject out of the order of the log", self._disorder)
        yield from _finding("order", "commands of a subject and flow out of order", self._commands_out_of_order())
        yield from _finding("time", "records of the feed at which a shard's clock went back", self._backwards)
        yield from _finding("time", "timers that fired early, by the shard's clock or the worker's", self._early)

    def _commands_out_of_order(self) -> Iterator[str]:
        """Where a flow commands at once, the commands of a subject come in the order of its events, each the first
        time.
        """
        last: dict[tuple[str, str, str, str, int], int] = {}
        for topic, subject, flow_id, execution in dict.fromkeys(self._unordered_commands):
            story = self.stories.get(execution)
            if story is None or story.entered is None or len(story.seqs) > 1:
                continue
            source, partition, offset = story.entered
            way = (topic, subject, flow_id, source, partition)
            if offset < last.get(way, -1):
                yield f"{execution} of {subject} on {topic}"
            last[way] = max(offset, last.get(way, -1))

    def audited(self, rows: AuditRows) -> Iterator[Finding]:
        """Name where Postgres holds other than the feed and the answers tell."""
        told = {execution: story.row for execution, story in self.stories.items()}
        yield from differences("audit", "executions that Postgres has otherwise", told, rows.executions)
        steps = {
            (execution, *key): step for execution, story in self.stories.items() for key, step in story.steps.items()
        }
        yield from differences("audit", "steps that Postgres has otherwise", steps, rows.steps)
        decided = Counter(self.decided)
        yield from differences("audit", "decisions that Postgres has otherwise", decided, rows.decisions)
        yield from differences("audit", "answers that Postgres has otherwise", Counter(self.answers), rows.answers)


def _compare(what: str, expected: Iterable[Hashable], found: Mapping[Any, int]) -> Iterator[Finding]:
    wanted = set(expected)
    yield from _finding("lost", f"{what} missing", map(str, wanted - found.keys()))
    yield from _finding("unexpected", f"{what} nobody asked for", map(str, found.keys() - wanted))
    yield from _finding(
        "twice", f"{what} there more than once", (str(one) for one, times in found.items() if times > 1)
    )


def _compare_counts(what: str, expected: Mapping[Any, int], found: Mapping[Any, int]) -> Iterator[Finding]:
    yield from _finding(
        "lost", f"{what} missing", (str(one) for one, times in expected.items() if found.get(one, 0) < times)
    )
    yield from _finding(
        "twice", f"{what} too many", (str(one) for one, times in found.items() if expected.get(one, 0) < times)
    )


def differences(fault: Fault, what: str, told: Mapping[Any, Any], kept: Mapping[Any, Any]) -> Iterator[Finding]:
    """Name the keys at which two mappings differ."""
    yield from _finding(
        fault,
        what,
        (
            f"{key}: {told.get(key)} told, {kept.get(key)} kept"
            for key in told.keys() | kept.keys()
            if told.get(key) != kept.get(key)
        ),
    )


def _finding(fault: Fault, what: str, wrong: Iterable[str]) -> Iterator[Finding]:
    found = list(wrong)
    if found:
        yield Finding(fault, what, len(found), tuple(sorted(found)[:SHOWN]))


def _place(source: Mapping[str, Any] | None) -> Place | None:
    return None if source is None else (source["topic"], source["partition"], source["offset"])


def moment_of(told: Mapping[str, Any]) -> int:
    """Return the moment of the shard's clock at which a record of the feed was decided: nothing in it is later."""
    if "decision" in told:
        return parse_rfc3339(told["at"])
    times = [told["startedAt"], told["finishedAt"]]
    for step in told["steps"]:
        times += (step["startedAt"], step["finishedAt"])
    return max(parse_rfc3339(time) for time in times if time is not None)
