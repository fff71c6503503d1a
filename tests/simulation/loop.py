"""An event loop that owns time and order: it picks what goes next by a seed, and time moves when nothing is ready.

What runs on behalf of a process is known by its context, so that a process can be put to sleep, or ended at any await:
nothing of it runs any more, not even a `finally`, as after `kill -9`.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, Final, TypeVar

T = TypeVar("T")
MAX_STEPS: Final = 200_000


class StuckError(AssertionError):
    """Nothing can go on, or nothing comes to an end."""


class Process:
    """Something that runs until it ends or is ended. `asleep_until` is in the seconds of the loop."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.asleep_until = 0.0


OWNER: ContextVar[Process | None] = ContextVar("OWNER", default=None)


class Call:
    """A callback that is to be called: what asyncio knows as a handle, made for speed.

    `is_due` is set where its time had come, but its process slept.
    """

    __slots__ = ("args", "callback", "context", "is_cancelled", "is_due", "owner")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: Context | None) -> None:
        self.callback = callback
        self.args = args
        self.context = copy_context() if context is None else context
        self.owner = self.context.get(OWNER)
        self.is_cancelled = self.is_due = False

    def cancel(self) -> None:
        self.is_cancelled = True


class SeededLoop(asyncio.AbstractEventLoop):
    """The loop.

    Args:
        random: every choice is drawn from it.
        disorder: how often a callback is chosen that is not the one that waits longest, from 0 to 1.
        on_step: called before each callback of a process, which it may end.
    """

    def __init__(self, random: Random, disorder: float, on_step: Callable[[Process], None]) -> None:
        self._random = random
        self._disorder = disorder
        self._on_step = on_step
        self._now = 0.0
        self._ready: list[Call] = []
        self._later: list[tuple[float, int, Call]] = []
        self._left: list[Call] = []
        """What the dead would have done next."""
        self._made = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self._is_running = False
        self.steps = 0
        self.is_over = False
        """Set when nothing counts any more: what is still there is cleared away."""

    # ---- what asyncio asks of a loop

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return self._is_running

    def is_closed(self) -> bool:
        return False

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Call:
        call = Call(callback, args, context)
        self._ready.append(call)
        return call

    def call_later(  # type: ignore[override]
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Call:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> Call:
        call = Call(callback, args, context)
        self._put_off(when, call)
        return call

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override]
        self, coro: Coroutine[Any, Any, T], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        task: asyncio.Task[T] = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Say nothing: what a process leaves behind when it ends is nobody's concern; the run looks at the rest."""

    # ---- running

    def start(self, process: Process, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine, and all that it starts, on behalf of a process."""
        context = copy_context()
        context.run(OWNER.set, process)
        return self.create_task(work, context=context)

    def run_until_complete(self, future: Any) -> Any:
        task: asyncio.Task[Any] = self.create_task(future)
        self._run(task.done)
        return task.result()

    def clear_away(self) -> None:
        """End whatever is still waiting, so that nothing of a run outlives it."""
        self.is_over = True
        self._ready += self._left
        for _ in range(10):
            rest = [task for task in self._tasks if not task.done()]
            if not rest:
                break
            for task in rest:
                task.cancel()
            self._ready += [call for _, _, call in self._later if call.is_due]
            self._later.clear()
            self._run(lambda: not self._ready)
        self._tasks.clear()

    def _run(self, is_done: Callable[[], bool]) -> None:
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        self._is_running = True
        ready, draw, disorder = self._ready, self._random.random, self._disorder
        try:
            while not is_done():
                if not ready:
                    self._pass_time()
                    continue
                waiting = len(ready)
                place = int(draw() * waiting) if waiting > 1 and draw() < disorder else 0
                call = ready.pop(place)
                if not call.is_cancelled and (call.owner is None or self._may_go_on(call.owner, call)):
                    self.steps += 1
                    call.context.run(call.callback, *call.args)
                if self.steps > MAX_STEPS:
                    raise StuckError(f"no end after {MAX_STEPS} steps")
        finally:
            self._is_running = False
            asyncio._set_running_loop(before)

    def _may_go_on(self, owner: Process, call: Call) -> bool:
        """Say whether a process is there to do what is its turn."""
        if self.is_over:
            return True
        if not owner.is_dead and owner.asleep_until <= self._now:
            self._on_step(owner)
        if owner.is_dead:
            self._left.append(call)
            return False
        if owner.asleep_until > self._now:
            call.is_due = True
            self._put_off(owner.asleep_until, call)
            return False
        return True

    def _pass_time(self) -> None:
        if not self._later:
            raise StuckError("nothing is ready, and nothing will be")
        self._now = max(self._now, self._later[0][0])
        while self._later and self._later[0][0] <= self._now:
            self._ready.append(heapq.heappop(self._later)[2])

    def _put_off(self, when: float, call: Call) -> None:
        self._made += 1
        heapq.heappush(self._later, (when, self._made, call))
