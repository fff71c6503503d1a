"""A pool on a fresh database."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from store.pool import Pool, create_pool


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    made = await create_pool(database, max_size=4)
    yield made
    await made.close()
