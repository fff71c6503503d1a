"""The partitions of the audit's tables, one a month, made when the first row of a month comes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from store.audit.tables import Table
from store.pool import Pool
from store.statements import statement

Month = date
FIRST_YEAR, LAST_YEAR = 2010, 2059
"""Rows of other years stand in the default partition: a producer with a wild clock makes no table."""


def month_of(moment: datetime) -> Month:
    """Return the first day of the month of a moment, in UTC."""
    at = moment.astimezone(UTC)
    return date(at.year, at.month, 1)


class Months:
    """Makes partitions, each once as long as this process lives.

    Args:
        pool: of connections; each partition is made in a transaction of its own.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._made: set[tuple[str, Month]] = set()

    async def ensure(self, wanted: Iterable[tuple[Table, Month]]) -> None:
        """Make the partitions that are missing."""
        for table, month in wanted:
            key = table.relation, month
            if key not in self._made and FIRST_YEAR <= month.year <= LAST_YEAR:
                await self._pool.fetchval(statement("audit.ensure_month"), *key)
                self._made.add(key)
