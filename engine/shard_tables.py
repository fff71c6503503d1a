"""The tables of one shard: the port to them, their keys, and their rows as what they mean.

Knows how a row is found and kept, never why: what is decided over the rows lies with those who read them.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from engine.facts import SubjectFacts
from engine.run import Run
from engine.seen import Page, Seen
from engine.types import ExecutionId, Json, Scope, Subject

SUBJECTS: Final = "subjects"
ENTRIES: Final = "entries"
EXECUTIONS: Final = "executions"

Row = dict[str, Any]


class Tables(Protocol):
    """The tables of one shard, as decoded rows. A row that was got may be changed and put back."""

    def get(self, table: str, key: str) -> dict[str, Any] | None:
        """Return a row, or None."""

    def put(self, table: str, key: str, row: dict[str, Any]) -> None:
        """Write a row."""

    def delete(self, table: str, key: str) -> None:
        """Delete a row."""


class Entities(Protocol):
    """What was broadcast of campaigns, releases and users, by row key."""

    def get(self, key: str) -> dict[str, Json] | None:
        """Return a facts row, or None."""


def row_key(scope: Scope, subject: Subject) -> str:
    """Return the key of a subject's rows. Lengths make it unambiguous, whatever the ids contain."""
    return f"{scope.kind[0]}{len(scope.id)}:{scope.id}{len(subject.type)}:{subject.type}{subject.id}"


class Rows:
    """The rows of a shard. A row that was got may be changed, but only putting it back writes it.

    Args:
        tables: the shard's state.
        entities: facts of campaigns, releases and users from every shard.
    """

    __slots__ = ("_entities", "_tables")

    def __init__(self, tables: Tables, entities: Entities) -> None:
        self._tables = tables
        self._entities = entities

    def subject(self, key: str) -> Row:
        """Return a row of `subjects`: of a subject, or a page beside its facts; an empty one where there is none."""
        return self._tables.get(SUBJECTS, key) or {}

    def put_subject(self, key: str, row: Row) -> None:
        """Write a row of `subjects`."""
        self._tables.put(SUBJECTS, key, row)

    def seen(self, key: str, row: Row) -> Seen:
        """Return which events a subject has had, over its row and the pages beside it."""

        def page(number: int) -> Page | None:
            return self._tables.get(SUBJECTS, f"{key}\x1f{number}")

        def write(number: int, marks: Page | None) -> None:
            if marks is None:
                self._tables.delete(SUBJECTS, f"{key}\x1f{number}")
            else:
                self._tables.put(SUBJECTS, f"{key}\x1f{number}", dict(marks))

        return Seen(row, page, write)

    def facts_of(self, scope: Scope, subject: Subject) -> SubjectFacts:
        """Return what the executions of a subject can read."""
        own = self.subject(row_key(scope, subject)).get("facts", {})
        return SubjectFacts(subject, own, lambda entity: self._entities.get(row_key(scope, entity)))

    def entries(self, key: str) -> Row:
        """Return a row of `entries`: of a subject, or what is kept beside them; an empty one where there is none."""
        return self._tables.get(ENTRIES, key) or {}

    def put_entries(self, key: str, row: Row) -> None:
        """Write a row of `entries`."""
        self._tables.put(ENTRIES, key, row)

    def run(self, execution: ExecutionId) -> Run | None:
        """Return an execution that is kept, or None."""
        row = self._tables.get(EXECUTIONS, execution)
        return Run.from_row(row) if row is not None else None

    def put_run(self, run: Run) -> None:
        """Keep an execution as it is now."""
        self._tables.put(EXECUTIONS, run.id, run.to_row())

    def delete_run(self, execution: ExecutionId) -> None:
        """Keep an execution no longer."""
        self._tables.delete(EXECUTIONS, execution)
