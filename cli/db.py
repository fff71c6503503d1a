"""`mal db migrate`: bring the tables of Postgres up to date."""

from __future__ import annotations

import asyncio

from cli.output import AsJson, field, print_rows
from cli.postgres import postgres_errors
from cli.settings import find_settings, postgres_dsn
from store.migrate import migrate


def command(as_json: AsJson = False) -> None:
    """Apply the migrations that are missing, in order, each in a transaction. Prints those that were applied."""
    dsn = postgres_dsn(find_settings())
    with postgres_errors(dsn):
        applied = asyncio.run(migrate(dsn))
    rows = [{"migration": name} for name in applied]
    print_rows(rows, (field("migration"),), as_json=as_json, empty="the tables are up to date")
