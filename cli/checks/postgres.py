"""`mal doctor` on Postgres: is it there, and are its tables up to date?"""

from __future__ import annotations

from cli.checks.finding import Finding
from cli.errors import Refused
from cli.postgres import address, postgres
from cli.settings import postgres_dsn
from store.migrate import pending
from store.reconcile import audit_positions
from streams.settings import Settings

Positions = dict[tuple[str, int], int]


async def look_at_postgres(settings: Settings) -> tuple[list[Finding], Positions | None]:
    """Return what is found, and what the audit reads next, None where that cannot be known."""
    try:
        where = address(postgres_dsn(settings))
        async with postgres(settings) as pool:
            async with pool.acquire() as connection:
                version = await connection.fetchval("show server_version")
                missing = await pending(connection)
            positions = None if missing else await audit_positions(pool)
    except Refused as refusal:
        return [Finding("postgres", False, str(refusal))], None
    tables = f"not applied: {', '.join(missing)}; run `mal db migrate`" if missing else "up to date"
    answers = Finding("postgres", True, f"{where} answers, version {version}")
    return [answers, Finding("tables", not missing, tables)], positions
