"""A log in memory with Kafka's rules: partitions, transactions, fencing by epoch, and the last stable offset.

What is kept of Kafka: a transaction is begun by its first record; its end is decided in one moment, and its markers
come to the partitions later, in any order; a reader of what is committed sees a partition up to the first record of a
transaction without a marker there; a transactional id has an epoch that each `init` raises, and whoever comes with an
older one is fenced; one that is left open is aborted when its time is over, or by the next `init`. A marker takes an
offset. What is not kept: replicas, segments, compaction, and requests that are lost and sent again by the client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka import ConsumerRecord
from aiokafka.errors import ProducerFenced

from streams.batching.writers import TRANSACTION_TIMEOUT_MS
from tests.simulation.weather import Weather

Place = tuple[str, int]


class Row(NamedTuple):
    """What a producer sends as one record."""

    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@dataclass(eq=False)
class Transaction:
    """One transaction. `note` is whatever its writer was about, for those who look at the run afterwards."""

    transactional_id: str
    note: Any
    state: str = "open"
    """`open`, then `committed` or `aborted`."""
    places: dict[Place, int] = field(default_factory=dict)
    """Where it has records, and the first of them."""
    unmarked: set[Place] = field(default_factory=set)


class Entry(NamedTuple):
    """One offset of a partition: a record, or a marker."""

    record: Any | None
    transaction: Transaction | None

    @property
    def is_committed(self) -> bool:
        """Whether it is a record that counts."""
        return self.record is not None and (self.transaction is None or self.transaction.state == "committed")


class Partition:
    """One partition."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.open: dict[Transaction, int] = {}

    @property
    def stable_end(self) -> int:
        """The last stable offset."""
        return min(self.open.values(), default=len(self.entries))

    def committed(self, start: int, most: int) -> tuple[list[Any], int]:
        """Return records that a reader of what is committed sees from an offset on, and where it goes on."""
        found: list[Any] = []
        offset, end = start, self.stable_end
        while offset < end and len(found) < most:
            entry = self.entries[offset]
            offset += 1
            if entry.is_committed:
                found.append(entry.record)
        return found, offset


@dataclass
class _Id:
    epoch: int = -1
    transaction: Transaction | None = None
    """The one that is not over yet: open, or with markers that are still to be written."""


class Log:
    """The log."""

    def __init__(self, weather: Weather, watched: Iterable[str]) -> None:
        self._weather = weather
        self._watched = set(watched)
        self._partitions: dict[Place, Partition] = {}
        self._ids: dict[str, _Id] = {}
        self._waiting: list[asyncio.Future[None]] = []
        self.transactions: list[Transaction] = []

    # ---- reading

    def partition(self, place: Place) -> Partition:
        """Return a partition; one that nobody has written to is empty."""
        found = self._partitions.get(place)
        if found is None:
            found = self._partitions[place] = Partition()
        return found

    def places(self) -> list[Place]:
        """Return all partitions that have something."""
        return sorted(self._partitions)

    def news(self) -> asyncio.Future[None]:
        """Return a future that is done when a watched topic has changed."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    # ---- writing

    def append(self, place: Place, rows: Sequence[Row], transaction: Transaction | None = None) -> int:
        """Append records; return the offset of the first."""
        partition = self.partition(place)
        base = len(partition.entries)
        if transaction is not None and place not in transaction.places:
            transaction.places[place] = partition.open[transaction] = base
        topic, number = place
        for offset, row in enumerate(rows, base):
            record: Any = ConsumerRecord(
                topic, number, offset, row.timestamp_ms, 0, row.key, row.value, None, -1, -1, row.headers
            )
            partition.entries.append(Entry(record, transaction))
        self._tell(place)
        return base

    def produce(self, transactional_id: str, epoch: int, place: Place, rows: Sequence[Row], note: Any) -> int | None:
        """Append records of a transaction; None while the one before is not over, which the client waits for.

        Raises:
            ProducerFenced: the id has another owner by now, or its transaction took too long.
        """
        known = self._ids[transactional_id]
        if known.epoch != epoch:
            raise ProducerFenced
        transaction = known.transaction
        if transaction is not None and transaction.state != "open":
            return None
        if transaction is None:
            transaction = known.transaction = Transaction(transactional_id, note)
            self.transactions.append(transaction)
            self._later(TRANSACTION_TIMEOUT_MS / 1000, self._time_out, known, transaction)
        return self.append(place, rows, transaction)

    def commit(self, transactional_id: str, epoch: int) -> None:
        """Decide that a transaction counts.

        Raises:
            ProducerFenced: as for `produce`.
        """
        known = self._ids[transactional_id]
        if known.epoch != epoch:
            raise ProducerFenced
        if known.transaction is not None and known.transaction.state == "open":
            self._end(known, known.transaction, "committed")

    def init(self, transactional_id: str) -> int | None:
        """Make a transactional id its caller's, and return its epoch; None while what was left open is being ended."""
        known = self._ids.setdefault(transactional_id, _Id())
        if (transaction := known.transaction) is not None:
            if transaction.state == "open":
                known.epoch += 1
                self._end(known, transaction, "aborted")
            return None
        known.epoch += 1
        return known.epoch

    # ---- inside

    def _time_out(self, known: _Id, transaction: Transaction) -> None:
        if transaction.state == "open":
            known.epoch += 1
            self._end(known, transaction, "aborted")

    def _end(self, known: _Id, transaction: Transaction, state: str) -> None:
        transaction.state = state
        transaction.unmarked = set(transaction.places)
        for place in transaction.places:
            self._later(self._weather.seconds(), self._mark, known, transaction, place)

    def _mark(self, known: _Id, transaction: Transaction, place: Place) -> None:
        partition = self.partition(place)
        partition.entries.append(Entry(None, transaction))
        del partition.open[transaction]
        transaction.unmarked.discard(place)
        if not transaction.unmarked:
            known.transaction = None
        self._tell(place)

    def _tell(self, place: Place) -> None:
        if place[0] in self._watched and self._waiting:
            waiting, self._waiting = self._waiting, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)

    @staticmethod
    def _later(seconds: float, do: Callable[..., None], *args: Any) -> None:
        # On nobody's behalf: Kafka goes on when a worker is gone.
        asyncio.get_running_loop().call_later(seconds, do, *args, context=Context())
