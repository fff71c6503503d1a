"""Bring the tables up to date: numbered files, in order, each once and in a transaction of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files

import asyncpg

from store.errors import MigrationError
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


def migrations() -> Iterator[Migration]:
    """Yield the migrations of this release, in order."""
    folder = files("store") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        number, _, rest = file.name.partition("_")
        if rest.endswith(".sql"):
            yield Migration(int(number), file.name.removesuffix(".sql"), file.read_text(encoding="utf-8"))


async def _apply(connection: asyncpg.Connection[asyncpg.Record], known: list[Migration]) -> list[str]:
    applied = {row["number"]: row for row in await connection.fetch(statement("migrations.applied"))}
    if ahead := applied.keys() - {migration.number for migration in known}:
        name = applied[max(ahead)]["name"]
        raise MigrationError(f"the database has migration {name}, which this release does not know; run a newer one")
    done: list[str] = []
    for migration in known:
        if row := applied.get(migration.number):
            _check(migration, row)
            continue
        async with connection.transaction():
            await connection.execute(migration.sql)
            record = (migration.number, migration.name, migration.checksum)
            await connection.execute(statement("migrations.record"), *record)
        done.append(migration.name)
    return done


def _check(migration: Migration, row: asyncpg.Record) -> None:
    if row["checksum"] != migration.checksum:
        raise MigrationError(
            f"migration {migration.name} was changed after it was applied on {row['applied_at']:%Y-%m-%d}: "
            "put the file back as it was, and make the change in a new one"
        )
