"""Find the execution a person means: by its id, or by the beginning of one."""

from __future__ import annotations

from typing import Annotated

import asyncpg
import typer

from cli.errors import Refused
from store.executions import ids_from

ExecutionArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The id of the execution, or the beginning of it where that is unique.")
]
SHOWN_CHARS = 8
"""What lists show of an id: enough to find it again."""
MOST_LISTED = 5


async def execution_id_of(pool: asyncpg.Pool, named: str) -> str:
    """Return the id that is, or the only one that begins with, what was named; where none does, what was named.

    Raises:
        Refused: several begin so; some are listed.
    """
    found = await ids_from(pool, named, limit=MOST_LISTED + 1)
    if named in found or not found:
        return named
    if len(found) > 1:
        listed = "\n".join(f"  {one}" for one in found[:MOST_LISTED]) + ("\n  …" if len(found) > MOST_LISTED else "")
        raise Refused(f"several executions begin with {named!r}; say more of the id:\n{listed}")
    return found[0]
