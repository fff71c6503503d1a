"""Bring the tables up to date: numbered files, in order, each once and in a transaction of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from store.errors import MigrationError
from store.pool import Connection
from store.statements import statement


@dataclass(frozen=True, slots=True)
class Migration:
    """A numbered file of statements."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Return what tells whether the file has changed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


async def migrate(dsn: str) -> list[str]:
    """Apply the migrations that are missing, and return their names.

    Callers at the same time wait for each other: an advisory lock is held throughout.

    Raises:
        MigrationError: an applied file was changed since, or the database is ahead of this release.
        OSError, asyncpg.PostgresError: Postgres is away, or refuses.
    """
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement("migrations.lock"))
        await connection.execute(statement("migrations.create_table"))
        return await _apply(connection, list(migrations()))
    finally:
        await connection.close()


async def pending(connection: Connection) -> list[str]:
    """Return the names of the migrations that are not applied yet; changes nothing.

    Raises:
        MigrationError: see `migrate`.
    """
    known = list(migrations())
    if not await connection.fetchval(statement("migrations.has_table")):
        return [migration.name for migration in known]
    applied = {row["number"]: row for row in await connection.fetch(statement("migrations.applied"))}
    _check_known(known, applied)
    return [migration.name for migration in known if migration.number not in applied]


def migrations() -> Iterator[Migration]:
    """Yield the migrations of this release, in order."""
    folder = files("store") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        number, _, rest = file.name.partition("_")
        if rest.endswith(".sql"):
            yield Migration(int(number), file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))


async def _apply(connection: asyncpg.Connection[asyncpg.Record], known: list[Migration]) -> list[str]:
    applied = {row["number"]: row for row in await connection.fetch(statement("migrations.applied"))}
    _check_known(known, applied)
    done: list[str] = []
    for migration in known:
        if migration.number in applied:
            continue
        async with connection.transaction():
            await connection.execute(migration.sql)
            record = (migration.number, migration.name, migration.checksum)
            await connection.execute(statement("migrations.record"), *record)
        done.append(migration.name)
    return done


def _check_known(known: Sequence[Migration], applied: Mapping[int, asyncpg.Record]) -> None:
    by_number = {migration.number: migration for migration in known}
    if ahead := applied.keys() - by_number.keys():
        name = applied[max(ahead)]["name"]
        raise MigrationError(f"the database has migration {name}, which this release does not know; run a newer one")
    for number, row in applied.items():
        if row["checksum"] != by_number[number].checksum:
            raise MigrationError(
                f"migration {row['name']} was changed after it was applied on {row['applied_at']:%Y-%m-%d}: "
                "put the file back as it was, and make the change in a new one"
            )
