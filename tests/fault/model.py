"""What the workload's flows must make of the input log: worked out from the records alone, without the engine.

It knows the flows of `workload` by heart, and of the product only how ids are derived (contract.md section 5) and how
the rows of a shard are keyed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from engine.awaited import awaited_key
from engine.ids import command_id, execution_id
from engine.seen import mark_of
from engine.shard_tables import ENTRIES, EXECUTIONS, SUBJECTS, row_key
from engine.types import FlowId, NodeId, Scope, Subject
from streams.dead_letters import MAX_LETTER_BYTES
from streams.topics import COMMAND_RESULTS
from tests.fault.workload import ASK, FLOW_OF, ONCE, USER
from tests.support.verdict import Expected, Finding, Place, differences

SCOPE = Scope("user", USER)
KINDS = ("email_open", "email_click", "email_reply")
Rows = Mapping[str, Mapping[bytes, bytes]]
"""Table → key → row, as the changelogs have it."""


@dataclass(slots=True)
class _Contact:
    """What the log says of one contact."""

    engagement: list[int] = field(default_factory=lambda: [0, 0, 0])
    marks: set[str] = field(default_factory=set)
    entered: Counter[str] = field(default_factory=Counter)


class Model:
    """Reads the input, and says what must have come of it.

    Args:
        run: the first part of the ids of events; whatever has no such id is poison.
    """

    def __init__(self, run: str) -> None:
        self.expected = Expected()
        self.events: set[str] = set()
        """The ids of the events that belong to somebody."""
        self.present: set[str] = set()
        """The ids of all events on the topics."""
        self.records: Counter[str] = Counter()
        """How many there are of each kind."""
        self.nothing: set[Place] = set()
        """Records without a value: skipped, and counted."""
        self._prefix = f"{run}-"
        self._contacts: defaultdict[str, _Contact] = defaultdict(_Contact)
        self._campaigns: defaultdict[str, set[str]] = defaultdict(set)
        """The marks of the events that tell of each campaign, which is kept on a shard of its own."""
        self._awaited: dict[str, str] = {}
        self._answers: Counter[str] = Counter()

    def take(self, topic: str, partition: int, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Take a record of an input, those of a partition in their order."""
        if value is None:
            self.records["without a value"] += 1
            self.nothing.add((topic, partition, offset))
            return
        told = _read(value)
        if topic == COMMAND_RESULTS and told is not None and "commandId" in told:
            self.records["answers"] += 1
            self._answers[told["commandId"]] += 1
        elif told is None or not str(told.get("id", "")).startswith(self._prefix):
            self.records["poison"] += 1
            self.expected.letters[topic, partition, offset] = key, value[:MAX_LETTER_BYTES]
        else:
            self._event(told)

    def _event(self, told: Mapping[str, Any]) -> None:
        event_id, kind = told["id"], told["type"]
        if not told["metadata"]:
            self.records["unscoped"] += 1
            self.present.add(event_id)
            self.expected.decisions["unscoped", event_id] += 1
            return
        if event_id in self.events:
            self.records["duplicates"] += 1
            self.expected.decisions["duplicate_event", event_id] += 1
            return
        self.records["events"] += 1
        self.events.add(event_id)
        self.present.add(event_id)
        contact = self._contacts[told["payload"]["contactId"]]
        contact.marks.add(mark_of(told["source"], event_id))
        if kind in KINDS:
            contact.engagement[KINDS.index(kind)] += 1
        elif kind == "campaign_status_changed":
            self._campaigns[told["payload"]["campaignId"]].add(mark_of(told["source"], event_id))
        self._enter(FLOW_OF[kind], told, contact)

    def _enter(self, flow_id: str, told: Mapping[str, Any], contact: _Contact) -> None:
        if flow_id == ONCE and contact.entered[flow_id]:
            self.expected.decisions["already_entered", told["id"]] += 1
            return
        contact.entered[flow_id] += 1
        subject = Subject("contact", told["payload"]["contactId"])
        execution = execution_id(FlowId(flow_id), told["source"], subject, told["id"])
        self.expected.executions[execution] = "succeeded"
        nodes = ("do", "then") if flow_id == ASK else ("do",)
        made = [command_id(execution, NodeId(node), 1, 0) for node in nodes]
        self.expected.commands.update((command, 1) for command in made)
        if flow_id == ASK:
            self._awaited[made[0]] = told["id"]

    def end(self) -> Expected:
        """Say what is to be expected, once all input is taken."""
        for command, event_id in self._awaited.items():
            if self._answers[command] > 1:
                self.expected.decisions["late_result", event_id] += self._answers[command] - 1
        return self.expected

    def missing(self, acknowledged: set[str]) -> Iterator[Finding]:
        """Name the events that Kafka has said it has, and has not."""
        gone = dict.fromkeys(acknowledged - self.present, "acknowledged")
        yield from differences("lost", "events that Kafka acknowledged and has not", gone, {})

    # ---- the state

    def state_findings(self, rows: Rows) -> Iterator[Finding]:
        """Name where the folded changelogs hold other than the input asks for."""
        facts, marks, entered = {}, {}, {}
        known: set[str] = set()
        for campaign in self._campaigns:
            key = row_key(SCOPE, Subject("campaign", campaign))
            marks[campaign], places = _marks(rows, key)
            known |= {key, *places}
        for contact_id in self._contacts:
            key = row_key(SCOPE, Subject("contact", contact_id))
            known |= {key, awaited_key(contact_id)}
            subject = _row(rows, SUBJECTS, key)
            counts = subject.get("facts", {}).get("engagement", {}).get("", [0, 0, 0])
            facts[contact_id] = list(counts[:3])
            marks[contact_id], places = _marks(rows, key)
            known.update(places)
            entries = _row(rows, ENTRIES, key)
            entered[contact_id] = {
                flow: (entry["count"], entry["running"]) for flow, entry in entries.items() if entry["count"]
            }
        wanted = self._contacts.items()
        yield from differences("state", "counts of facts", {key: one.engagement for key, one in wanted}, facts)
        yield from differences(
            "state", "marks of events", {**{key: one.marks for key, one in wanted}, **self._campaigns}, marks
        )
        yield from differences(
            "state",
            "entries of flows",
            {key: {flow: (count, []) for flow, count in one.entered.items()} for key, one in wanted},
            entered,
        )
        # Of each other kind of row (members, families, slots, dates) these flows and events have none.
        besides = {
            (table, key.decode()): "kept"
            for table in (SUBJECTS, ENTRIES)
            for key in rows.get(table, {})
            if key.decode() not in known
        }
        yield from differences("state", "rows of what is in no input", {}, besides)
        left = rows.get(EXECUTIONS, {})
        yield from differences("state", "executions that are kept and have ended", {}, dict.fromkeys(left, "kept"))


def _marks(rows: Rows, key: str) -> tuple[set[str], list[str]]:
    """Return the marks of a subject's events, and the keys of the pages where most of many are."""
    subject = _row(rows, SUBJECTS, key)
    pages = [f"{key}\x1f{number}" for number in subject.get("pages", ())]
    return set(subject.get("seen", {})).union(*(_row(rows, SUBJECTS, page) for page in pages)), pages


def _row(rows: Rows, table: str, key: str) -> dict[str, Any]:
    value = rows.get(table, {}).get(key.encode())
    decoded: dict[str, Any] = orjson.loads(value) if value else {}
    return decoded


def _read(value: bytes) -> dict[str, Any] | None:
    try:
        decoded = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return decoded if isinstance(decoded, dict) else None
