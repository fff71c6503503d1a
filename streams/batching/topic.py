"""A Faust topic whose messages are batches: they pass through as they are, undecoded."""

from __future__ import annotations

from typing import Any

import faust
from faust.types import EventT
from faust.types.tuples import Message


class BatchTopic(faust.Topic):
    """Passes the batch of a message on as the event's value."""

    def _compile_decode(self) -> None:
        async def decode(message: Message, *, propagate: bool = False) -> EventT[Any]:  # noqa: ARG001
            return self._create_event(None, message.value, None, message)

        self.decode = decode  # type: ignore[method-assign]
