"""A pool of connections on the fresh database of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from store.pool import Pool, create_pool


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    """Give a pool as the store's functions take it."""
    made = await create_pool(database, max_size=4)
    yield made
    await made.close()
