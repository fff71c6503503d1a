"""Has aiokafka take a connection that is closed for a broken one, on uvloop too.

aiokafka looks for `OSError` where it writes, and goes on with another connection. uvloop raises `RuntimeError` where
the other end has hung up just before. Nothing in aiokafka expects that, and whatever was at work ends: a producer's
sender, and so the worker; or the task that renews metadata (aiokafka issue 1038).
"""

from __future__ import annotations

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_send = AIOKafkaConnection.send


def expect_closed_connections() -> None:
    """Change how aiokafka's connections of this process write; once more changes nothing."""
    AIOKafkaConnection.send = _send_or_say_broken


def _send_or_say_broken(connection: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    try:
        return _send(connection, request, expect_response=expect_response)
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {connection.host}:{connection.port} broken: {error}") from error
