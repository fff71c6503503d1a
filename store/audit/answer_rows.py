"""A batch of answers to commands as rows. The first answer of an attempt counts; a repeat changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from store.audit.log_batch import LogBatch
from store.audit.months import Month
from store.audit.reading import ForeignRecordError, read_object
from store.audit.shapes import answer_row
from store.audit.tables import COMMAND_RESULTS, Row, Table


@dataclass(slots=True)
class AnswerRows:
    """The rows of a batch, and the records that are not ours, by offset."""

    foreign: dict[int, str] = field(default_factory=dict)
    _answers: dict[tuple[str, int], Row] = field(default_factory=dict)

    @classmethod
    def read(cls, batch: LogBatch) -> AnswerRows:
        """Read a batch of tap.command-results."""
        rows = cls()
        for written in batch.records:
            try:
                key, row = answer_row(read_object(written.value), written)
                rows._answers.setdefault(key, row)
            except ForeignRecordError as error:
                rows.foreign[written.offset] = str(error)
        return rows

    def months(self) -> Iterator[tuple[Table, Month]]:
        """Yield nothing: answers are not partitioned."""
        yield from ()

    def new(self) -> Iterator[tuple[Table, list[Row]]]:
        """Yield nothing: a system may have answered an attempt before."""
        yield from ()

    def moved(self) -> Iterator[tuple[Table, list[Row]]]:
        """Yield the answers."""
        yield COMMAND_RESULTS, list(self._answers.values())
