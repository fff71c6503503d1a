"""The Python client (contract.md section 10): emit events, start flows by hand, hear what happens.

For scripts and tests. Speaks to Kafka alone: works without Postgres, and without any process of ours but the workers.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import time
from typing import Any, Final, Self
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from engine.events import Event, read_event
from engine.ids import execution_id
from engine.systems import BY_EVENT_TYPE, SYSTEMS
from engine.types import FlowId, Json
from streams.access import why_refused
from streams.codecs import Poison, parse_json, to_json
from streams.events import Record, decode, encode
from streams.listening import Handle, Listener
from streams.published import published_version
from streams.reading import read_to_end
from streams.topics import EXECUTIONS, TRIGGERS
from streams.triggers import manual_record

Handler = Callable[[dict[str, Any]], Awaitable[None] | None]
"""Takes what a record holds, by its names on the wire; may be a coroutine function."""

MANUAL_TYPE: Final = "manual_trigger"
MANUAL_SOURCE: Final = "mal"
_MAX_REQUEST_BYTES: Final = 2 * 1024 * 1024
"""An event may have 1 MiB, and its record is a little larger."""


class AutomationClient:
    """A client of the engine; use it as an async context manager.

    Args:
        bootstrap_servers: where Kafka is, as host:port; several with commas or as a list.
        group_id: the consumer group of `on_…`: what it has handled it does not get again. A new group starts at the
            beginning of what Kafka has. Without one, this client hears everything as a group of its own.
        security: further arguments of an aiokafka client, like `security_protocol`; `Settings.kafka_client()` gives
            them together with `bootstrap_servers`.

    Raises, where it is entered:
        KafkaConnectionError: Kafka is away; an `AccessError` says why where it is there and does not let us in.
    """

    def __init__(self, bootstrap_servers: str | Sequence[str], *, group_id: str | None = None, **security: Any) -> None:
        servers = bootstrap_servers if isinstance(bootstrap_servers, str) else list(bootstrap_servers)
        self._kafka: Mapping[str, Any] = {"bootstrap_servers": servers, **security}
        self._listener = Listener(self._kafka, group_id or f"mal-client-{uuid4()}")
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        # acks and idempotence: a retry on the way neither loses an event nor doubles it.
        producer = AIOKafkaProducer(
            **self._kafka, acks="all", enable_idempotence=True, max_request_size=_MAX_REQUEST_BYTES, linger_ms=2
        )
        try:
            await producer.start()
        except BaseException as error:
            await producer.stop()
            if isinstance(error, KafkaConnectionError) and (refusal := await why_refused(self._kafka)):
                raise refusal from error
            raise
        self._producer = producer
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        producer, self._producer = self._producer, None
        try:
            await self._listener.stop()
        except Exception:
            # Whatever ended the listening is raised here, unless the caller's block is being left by an error already.
            if error is None:
                raise
        finally:
            if producer is not None:
                await producer.stop()

    # ---- events and triggers in

    async def emit_automation_event(self, event: Event | Mapping[str, Json]) -> str:
        """Put an event on the topic of its type, under its subject; return its id once Kafka has it.

        An event without an id gets one.

        Raises:
            ValueError: it is no domain event, or no topic takes its type.
            KafkaError: Kafka did not take it.
        """
        (emitted,) = await self.emit_automation_events([event])
        return emitted

    async def emit_automation_events(self, events: Sequence[Event | Mapping[str, Json]]) -> list[str]:
        """Emit several events; return their ids, in order, once Kafka has all of them. All are checked first.

        Raises:
            ValueError, KafkaError: as `emit_automation_event`.
        """
        written = [_written(event) for event in events]
        producer = self._connected()
        sent = [await producer.send(topic, value, key=key) for topic, key, value, _ in written]
        await asyncio.gather(*sent)
        return [emitted for *_, emitted in written]

    async def manual_trigger_flow(
        self, flow_id: str, context: Mapping[str, Json] | None = None, *, idempotency_key: str | None = None
    ) -> str:
        """Start a published flow, whatever its trigger; return the id of the execution once Kafka has the trigger.

        Args:
            flow_id: which flow.
            context: the payload of the trigger. Its contactId, campaignId, … is the subject, else the flow's user is.
            idempotency_key: the same key starts the same execution, however often.

        Raises:
            NotPublishedError: the flow is not published.
            ValueError: the context is no JSON object, names no subject, or names one badly.
            KafkaError: Kafka is away.
        """
        flow = FlowId(flow_id)
        version = await published_version(self._kafka, flow)
        made = {
            "id": idempotency_key or str(uuid4()),
            "type": MANUAL_TYPE,
            "source": MANUAL_SOURCE,
            "payload": dict(context or {}),
            "metadata": {"userId": version.user_id, "workspaceId": version.workspace_id},
        }
        event = read_event(parse_json(to_json(made)), default_id="", default_timestamp_ms=_now_ms())
        if event.subject is None:
            raise ValueError(
                f"nobody to start flow {flow_id!r} for; the context needs a contactId, campaignId, releaseId or assetId"
            )
        key, value, headers = manual_record(flow, event)
        await self._connected().send_and_wait(TRIGGERS, value, key=key, headers=list(headers))
        return execution_id(flow, event.source, event.subject, event.id)

    async def start_execution(self, flow_id: str, trigger_context: Mapping[str, Json] | None = None) -> str:
        """Start a published flow: the first MAL's other name for `manual_trigger_flow`, with what that raises."""
        return await self.manual_trigger_flow(flow_id, trigger_context)

    # ---- what happens

    def on_event(self, event_type: str, handler: Handler) -> asyncio.Future[None]:
        """Call a handler with every event of a type. Records that are no events are passed over.

        Handlers run one at a time, at least once for each record, and offsets move after them. One that raises ends
        the listening: `listen`, or leaving the client, raises what it raised, and its record comes again.

        Returns:
            A future that is done once this client has its share of the topic. It need not be awaited.

        Raises:
            ValueError: no topic takes the type.
        """

        async def handle(record: Record) -> None:
            try:
                event = decode(record)
            except Poison:
                return  # the engine has put it among the dead letters
            if event is not None and event.type == event_type:
                await _call(handler, orjson.loads(encode(event)))

        return self._listener.add(_events_topic(event_type), handle)

    def on_command(self, target: str, handler: Handler) -> asyncio.Future[None]:
        """Call a handler with every command to a system (`email_engine`, …), as `on_event` does with events.

        Raises:
            ValueError: there is no such system, or it takes no commands.
        """
        topics = {system.name: system.commands_topic for system in SYSTEMS if system.commands_topic}
        if target not in topics:
            raise ValueError(f"no commands go to {target!r}; they go to {', '.join(sorted(topics))}")
        return self._listener.add(topics[target], _each_object(handler))

    def on_execution(self, handler: Handler) -> asyncio.Future[None]:
        """Call a handler with every record of the execution feed, decisions included; else like `on_event`."""
        return self._listener.add(EXECUTIONS, _each_object(handler))

    async def listen(self) -> None:
        """Stay until a handler raises, or Kafka goes away for good; return at once where nothing listens.

        Raises:
            Whatever ended the listening.
        """
        await self._listener.wait()

    async def get_execution_progress(self, execution: str) -> dict[str, Any] | None:
        """Return {completedSteps, totalSteps, currentStatus} of an execution, None where the feed has none such.

        Reads the whole feed each time, for only the log knows without asking anybody: fit for a script, not for a page
        (Postgres has the same by id).

        Raises:
            KafkaError: Kafka is away.
        """
        latest: dict[str, Any] = {}
        needle = execution.encode()

        def take(record: Record) -> None:
            if record.value is None or needle not in record.value:
                return
            told = orjson.loads(record.value)
            if told.get("executionId") == execution and told.get("seq", 0) > latest.get("seq", 0):
                latest.update(told)

        await read_to_end(self._kafka, EXECUTIONS, take)
        return latest.get("progress")

    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("the client is not connected; use it inside `async with AutomationClient(…) as client:`")
        return self._producer


def _written(event: Event | Mapping[str, Json]) -> tuple[str, bytes | None, bytes, str]:
    """Return topic, key, value and id of an event, checked by the rules that the worker reads it with."""
    if isinstance(event, Event):
        value = encode(event)
    else:
        value = to_json(event if event.get("id") is not None else {**event, "id": str(uuid4())})
    read = read_event(parse_json(value), default_id="", default_timestamp_ms=0)
    return _events_topic(read.type), read.subject.id.encode() if read.subject else None, value, read.id


def _events_topic(event_type: str) -> str:
    system = BY_EVENT_TYPE.get(event_type)
    if system is None:
        raise ValueError(f"no topic takes the type {event_type!r}; known are {', '.join(sorted(BY_EVENT_TYPE))}")
    return system.events_topic


def _each_object(handler: Handler) -> Handle:
    async def handle(record: Record) -> None:
        if record.value is not None:
            await _call(handler, orjson.loads(record.value))

    return handle


async def _call(handler: Handler, told: dict[str, Any]) -> None:
    answer = handler(told)
    if inspect.isawaitable(answer):
        await answer


def _now_ms() -> int:
    return int(time() * 1000)
