"""Runs the work of a process until it is asked to end, and bounds how long it may take to let go."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine
from typing import Any, Final

STOP_SECONDS: Final = 9.0
"""Letting go takes no longer; then the process ends all the same."""

log = logging.getLogger(__name__)


async def until_asked(work: Coroutine[Any, Any, None]) -> None:
    """Do a work until SIGTERM or SIGINT, which also end it while it is only starting; then it is cancelled and lets go.

    What hangs then is not waited for: the process ends in time, with 0. Nothing is lost by that: a transaction that is
    left open is aborted by the next owner of the shard, and what was not committed is read again.

    Args:
        work: ends by itself only where it fails; that is raised.
    """
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    working = asyncio.create_task(work)
    asking = asyncio.create_task(asked.wait())
    await asyncio.wait({working, asking}, return_when=asyncio.FIRST_COMPLETED)
    asking.cancel()
    if working.done():
        await working
        return
    # Never taken back: what hangs may also be a thread that the end of the loop waits for, such as a lookup of a name.
    loop.call_later(STOP_SECONDS, _leave)
    working.cancel()
    await asyncio.wait({working})
    if not working.cancelled() and (error := working.exception()):
        log.warning("it did not let go in order: %s", error, exc_info=error)


def _leave() -> None:
    log.warning("stopped without waiting any longer for what hangs")
    os._exit(0)
