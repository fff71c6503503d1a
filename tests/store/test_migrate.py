"""Migrations: each once, callers wait for each other, and a file that changed is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import date

import asyncpg
import pytest

from store import migrate as migrating
from store.errors import MigrationError
from store.migrate import Migration, migrate, migrations
from store.pool import Pool

TABLES = {
    "automation_flows", "automation_nodes", "automation_edges", "automation_executions", "automation_execution_steps",
    "automation_decisions", "automation_command_results", "automation_flow_versions", "automation_outbox",
    "automation_limits", "automation_changes", "automation_audit_positions", "automation_migrations",
}  # fmt: skip


@pytest.fixture
async def empty(database: str) -> str:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("drop schema public cascade; create schema public")
    finally:
        await connection.close()
    return database


async def test_an_empty_database_gets_all_tables_and_a_second_run_does_nothing(empty: str) -> None:
    assert await migrate(empty) == [migration.name for migration in migrations()]
    assert await migrate(empty) == []
    connection = await asyncpg.connect(empty)
    try:
        rows = await connection.fetch("select table_name from information_schema.tables where table_schema = 'public'")
    finally:
        await connection.close()
    assert {row[0] for row in rows} >= TABLES


async def test_callers_at_the_same_time_apply_each_migration_once(empty: str) -> None:
    done = await asyncio.gather(*(migrate(empty) for _ in range(4)))
    assert sorted(name for names in done for name in names) == [migration.name for migration in migrations()]


async def test_a_file_that_changed_after_it_was_applied_is_refused(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed() -> Iterator[Migration]:
        for migration in migrations():
            yield Migration(migration.number, migration.name, migration.sql + "\n-- a thought that came later")

    monkeypatch.setattr(migrating, "migrations", changed)
    with pytest.raises(MigrationError, match="0001_definitions was changed after it was applied"):
        await migrate(database)


async def test_a_database_ahead_of_this_release_is_refused(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await connection.execute(
            "insert into automation_migrations (number, name, checksum) values (9999, '9999_tomorrow', 'x')"
        )
    finally:
        await connection.close()
    with pytest.raises(MigrationError, match="9999_tomorrow, which this release does not know"):
        await migrate(database)


async def test_a_migration_that_fails_leaves_nothing_behind(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = list(migrations())
    broken = Migration(9998, "9998_broken", "create table half (id integer); select no_such_function()")
    monkeypatch.setattr(migrating, "migrations", lambda: iter([*known, broken]))
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await migrate(database)
    monkeypatch.undo()
    assert await migrate(database) == []


async def test_a_month_whose_rows_stand_in_the_default_partition_gets_none(pool: Pool) -> None:
    insert = (
        "insert into automation_decisions (decision, reason, at, feed_topic, feed_partition, feed_offset) "
        "values ('suppressed', 'unscoped', $1, 'mal.executions', 0, 0)"
    )
    await pool.execute(insert.replace("$1", "'2026-11-30T23:59:59Z'"))
    ensure = "select automation_ensure_month('automation_decisions', $1)"
    assert await pool.fetchval(ensure, date(2026, 11, 1)) is False
    assert await pool.fetchval(ensure, date(2026, 12, 1)) is True
    assert await pool.fetchval(ensure, date(2026, 12, 1)) is True


async def test_processes_that_make_the_same_month_at_once_both_find_it(pool: Pool) -> None:
    ensure = "select automation_ensure_month('automation_executions', $1)"
    assert await asyncio.gather(*(pool.fetchval(ensure, date(2027, 1, 1)) for _ in range(4))) == [True] * 4
