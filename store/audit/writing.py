"""Write a batch of one partition: its rows and the position, in one transaction, each record once.

The position is what makes it once: its row is locked first, and what lies before it is cut off the batch. So a batch
may come again, cut otherwise, or from a second writer that took the partition for its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import asyncpg

from store.audit.answer_rows import AnswerRows
from store.audit.feed_rows import FeedRows
from store.audit.log_batch import LogBatch
from store.audit.months import Month, Months
from store.audit.tables import Row, Table
from store.errors import StoreError
from store.pool import Connection, Pool
from store.statements import statement

UNSTORABLE: Final = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What comes of a record that passed for ours and cannot be stored: from Postgres, or from the encoding on the way."""


class PositionGapError(StoreError):
    """A batch begins behind the position: what lies between was never written."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a batch: where the partition is now, how many records were written, and which were not ours.

    `rows` are those that were put into each table.
    """

    next_offset: int
    records: int = 0
    foreign: Mapping[int, str] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)

    def __add__(self, later: Written) -> Written:
        foreign = {**self.foreign, **later.foreign}
        return Written(later.next_offset, self.records + later.records, foreign, self.rows + later.rows)


class Rows(Protocol):
    """The rows of a batch, by table."""

    foreign: dict[int, str]

    def months(self) -> Iterable[tuple[Table, Month]]:
        """Yield the partitions they belong to."""

    def new(self) -> Iterator[tuple[Table, list[Row]]]:
        """Yield the rows that are not there yet."""

    def moved(self) -> Iterator[tuple[Table, list[Row]]]:
        """Yield the rows that may be there already."""


class AuditWriter:
    """Writes batches of `mal.executions` and of `tap.command-results`.

    Args:
        pool: from `store.pool.create_pool`: jsonb goes as bytes.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._months = Months(pool)

    async def write_feed(self, batch: LogBatch) -> Written:
        """Write a batch of the execution feed.

        Raises:
            PositionGapError: it begins behind the position; nothing is written.
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: Postgres is away, or refuses; nothing is written.
        """
        return await self._write(batch, FeedRows.read)

    async def write_answers(self, batch: LogBatch) -> Written:
        """Write a batch of answers to commands; raises as `write_feed`."""
        return await self._write(batch, AnswerRows.read)

    async def _write(self, batch: LogBatch, read: Callable[[LogBatch], Rows]) -> Written:
        try:
            return await self._write_whole(batch, read)
        except UNSTORABLE as error:
            if len(batch.records) > 1:
                first, second = batch.halves()
                return await self._write(first, read) + await self._write(second, read)
            if not batch.records:
                raise
            # Nothing may stop the audit: the one record that cannot be stored is named and passed.
            without = LogBatch(batch.topic, batch.partition, batch.from_offset, batch.next_offset, ())
            passed = await self._write_whole(without, read)
            return Written(passed.next_offset, 0, {batch.records[0].offset: f"it cannot be stored: {_why(error)}"})

    async def _write_whole(self, batch: LogBatch, read: Callable[[LogBatch], Rows]) -> Written:
        rows = read(batch)
        await self._months.ensure(rows.months())
        place = batch.topic, batch.partition
        async with self._pool.acquire() as connection, connection.transaction():
            stored = await connection.fetchval(statement("audit.lock_position"), *place, batch.from_offset)
            if stored < batch.from_offset:
                raise PositionGapError(
                    f"{batch.topic}:{batch.partition} is written up to {stored}, the batch begins at "
                    f"{batch.from_offset}; read on from {stored}"
                )
            if stored >= batch.next_offset:
                return Written(stored)
            if stored > batch.from_offset:
                batch = batch.since(stored)
                rows = read(batch)
            put = await _put(connection, rows)
            await connection.execute(statement("audit.move_position"), *place, batch.next_offset)
        return Written(batch.next_offset, len(batch.records) - len(rows.foreign), rows.foreign, put)


async def _put(connection: Connection, rows: Rows) -> Counter[str]:
    put: Counter[str] = Counter()
    by_table = {table: moved for table, moved in rows.moved() if moved}
    for table, new in rows.new():
        put[table.relation] += len(new)
        if new and not await _copied(connection, table, new):
            by_table[table] = [*by_table.get(table, []), *new]
    for table, moved in rows.moved():
        put[table.relation] += len(moved)
    for table, moved in by_table.items():
        await connection.execute(statement(f"audit.stage_{table.name}"))
        await _copy(connection, table.stage, table, moved)
        await connection.execute(statement(f"audit.merge_{table.name}"))
    return put


async def _copied(connection: Connection, table: Table, rows: Sequence[Row]) -> bool:
    """Copy rows straight in; say False, with nothing done, where one of them is there already."""
    try:
        async with connection.transaction():
            await _copy(connection, table.relation, table, rows)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def _copy(connection: Connection, relation: str, table: Table, rows: Sequence[Row]) -> None:
    await connection.copy_records_to_table(relation, records=rows, columns=table.columns)


def _why(error: Exception) -> str:
    """Say what Postgres refuses. Not in its words, which quote the row: the message of this goes into a log."""
    place = (getattr(error, "constraint_name", None), getattr(error, "column_name", None))
    return " ".join((type(error).__name__, *(name for name in place if name)))
