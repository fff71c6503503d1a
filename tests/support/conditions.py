"""Waiting in tests: for a condition, with a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

PAUSE_SECONDS = 0.05


def eventually(condition: Callable[[], bool], within_seconds: float = 20.0, what: str = "") -> None:
    """Return when the condition holds; fail where it does not within the bound (`what` says what was awaited)."""
    deadline = time.monotonic() + within_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_seconds:g} s: {what or condition}")
        time.sleep(PAUSE_SECONDS)


async def until(condition: Callable[[], Awaitable[bool]], what: str, within_seconds: float = 30.0) -> None:
    """Return when the condition holds; fail where it does not within the bound, however long asking takes."""
    try:
        async with asyncio.timeout(within_seconds):
            while not await condition():  # noqa: ASYNC110 -- what is awaited tells nobody; bounded above
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        raise AssertionError(f"not within {within_seconds:g} s: {what}") from None
