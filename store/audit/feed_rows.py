"""A batch of the feed as rows: the records of one execution folded into what the last of them says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from store.audit.log_batch import LogBatch
from store.audit.months import Month, month_of
from store.audit.reading import ForeignRecordError, read_object
from store.audit.shapes import ExecutionKey, decision_row, execution_rows
from store.audit.tables import DECISIONS, EXECUTIONS, STEPS, Row, Table

_SEQ, _ORDINAL = STEPS.columns.index("seq"), STEPS.columns.index("ordinal")


@dataclass(slots=True)
class _Story:
    """An execution as far as the batch tells it; `is_new` where it tells it from the start."""

    is_new: bool
    seq: int
    row: Row
    steps: dict[tuple[str, int], Row]


@dataclass(slots=True)
class FeedRows:
    """The rows of a batch, and the records that are not ours, by offset."""

    foreign: dict[int, str] = field(default_factory=dict)
    _stories: dict[ExecutionKey, _Story] = field(default_factory=dict)
    _decisions: list[Row] = field(default_factory=list)
    _decided: set[datetime] = field(default_factory=set)

    @classmethod
    def read(cls, batch: LogBatch) -> FeedRows:
        """Read a batch of mal.executions."""
        rows = cls()
        for written in batch.records:
            try:
                record = read_object(written.value)
                if "decision" in record:
                    at, row = decision_row(record, batch.topic, batch.partition, written.offset)
                    rows._decisions.append(row)
                    rows._decided.add(at)
                else:
                    rows._tell(*execution_rows(record))
            except ForeignRecordError as error:
                rows.foreign[written.offset] = str(error)
        return rows

    def months(self) -> Iterator[tuple[Table, Month]]:
        """Yield the partitions the rows belong to."""
        for month in {month_of(key.started_at) for key in self._stories}:
            yield EXECUTIONS, month
            yield STEPS, month
        for month in {month_of(at) for at in self._decided}:
            yield DECISIONS, month

    def new(self) -> Iterator[tuple[Table, list[Row]]]:
        """Yield the rows that are not there yet, unless the feed is read again from before what was written."""
        stories = [story for story in self._stories.values() if story.is_new]
        yield EXECUTIONS, [story.row for story in stories]
        yield STEPS, [row for story in stories for row in story.steps.values()]
        yield DECISIONS, self._decisions

    def moved(self) -> Iterator[tuple[Table, list[Row]]]:
        """Yield the rows that may be there already, as an earlier record told them."""
        stories = [story for story in self._stories.values() if not story.is_new]
        yield EXECUTIONS, [story.row for story in stories]
        yield STEPS, [row for story in stories for row in story.steps.values()]

    def _tell(self, key: ExecutionKey, seq: int, row: Row, steps: dict[tuple[str, int], Row]) -> None:
        story = self._stories.get(key)
        if story is None:
            self._stories[key] = _Story(seq == 1, seq, row, steps)
            return
        if seq > story.seq:
            story.seq, story.row = seq, row
        for step_key, step in steps.items():
            known = story.steps.get(step_key)
            if known is None:
                story.steps[step_key] = step
            elif known[_SEQ] < step[_SEQ]:  # type: ignore[operator]  # both are integers
                story.steps[step_key] = (*step[:_ORDINAL], known[_ORDINAL], *step[_ORDINAL + 1 :])
