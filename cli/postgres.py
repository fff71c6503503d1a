"""How a command reaches Postgres, and what it says when it cannot. Knows no table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg

from cli.discovery import POSTGRES_VARIABLE
from cli.errors import Refused
from cli.settings import postgres_dsn
from store.errors import StoreError
from store.pool import create_pool
from streams.settings import Settings, postgres_place


@asynccontextmanager
async def postgres(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """Give a pool of connections; what goes wrong with Postgres inside is refused with its address.

    Raises:
        Refused: Postgres is away, refuses us, or has not our tables.
    """
    dsn = postgres_dsn(settings)
    with postgres_errors(dsn):
        pool = await create_pool(dsn)
        try:
            yield pool
        finally:
            await pool.close()


@contextmanager
def postgres_errors(dsn: str) -> Iterator[None]:
    """Turn what the store, Postgres, or the way to it, says into a refusal.

    Raises:
        Refused: see there.
    """
    try:
        yield
    except StoreError as error:
        raise Refused(str(error)) from error
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        raise Refused(f"Postgres at {address(dsn)} has not our tables ({error}); run `mal db migrate`") from error
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        hint = f"look at the user and password in {POSTGRES_VARIABLE}"
        raise Refused(f"Postgres at {address(dsn)} does not let us in ({error}); {hint}") from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Refused(f"Postgres at {address(dsn)} refused: {error}") from error
    except (OSError, TimeoutError) as error:
        hint = f"start it (`mal up` does), or set {POSTGRES_VARIABLE} to another"
        raise Refused(f"Postgres at {address(dsn)} cannot be reached ({_reason(error)}); {hint}") from error


def address(dsn: str) -> str:
    """Return host, port and database of a libpq URI, without user and password."""
    return postgres_place(dsn) or "an address that is no libpq URI"


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
