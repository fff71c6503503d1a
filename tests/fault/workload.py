"""What goes in: flows that cover the ways of the engine, and numbered events for them at a steady rate, with a seed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Mapping
from typing import Any, Final, Self

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from engine.events import subject_of
from engine.flow import FlowVersion
from engine.systems import BY_EVENT_TYPE
from tests.support.flows import version

USER: Final = "user_001"
CONTACTS: Final = 2_000
CAMPAIGNS: Final = 40
DELAY_SECONDS: Final = 4
TICK_SECONDS: Final = 0.05
REQUEST_BYTES: Final = 3 * 1024 * 1024

TAG, WAIT, ONCE, ASK, STATUS = "flow-tag", "flow-wait", "flow-once", "flow-ask", "flow-status"
FLOW_OF: Final[Mapping[str, str]] = {
    "email_open": TAG,
    "email_click": WAIT,
    "email_reply": ONCE,
    "contact_added": ASK,
    "campaign_status_changed": STATUS,
}
"""The flow that an event of a type starts."""
_WEIGHTS: Final = {
    "email_open": 45, "email_click": 25, "email_reply": 10, "contact_added": 10, "campaign_status_changed": 10,
}  # fmt: skip


def flows() -> list[FlowVersion]:
    """The flows: a condition and a command; a wait; an entry rule; an awaited answer; a subject from elsewhere."""
    opened = {"field": "engagement.opened", "operator": "equals", "value": True}
    into = {"segmentId": "s1", "action": "add"}
    return [
        version(
            {"on": ("email_open", {}), "ask": ("if_field_match", opened), "do": ("tag_contact", {"tag": "opened"})},
            "on>ask ask>do:true",
            flow_id=TAG,
        ),
        version(
            {
                "on": ("email_click", {}),
                "pause": ("delay", {"delaySeconds": DELAY_SECONDS}),
                "do": ("update_segment", into),
            },
            "on>pause pause>do",
            flow_id=WAIT,
        ),
        version(
            {"on": ("email_reply", {}), "do": ("notify_user", {"message": "A first reply."})},
            "on>do",
            flow_id=ONCE,
            settings={"entry": {"rule": "once"}},
        ),
        version(
            {
                "on": ("contact_added", {}),
                "do": ("tag_contact", {"tag": "new"}, {"awaitResult": True}),
                "then": ("update_segment", into),
            },
            "on>do do>then",
            flow_id=ASK,
        ),
        version(
            {"on": ("campaign_status_changed", {}), "do": ("update_cmg_node", {"outcome": "status"})},
            "on>do",
            flow_id=STATUS,
        ),
    ]


def event(run: str, number: int, dice: random.Random) -> dict[str, Any]:
    """Make the event of a number. Its id is `<run>-<number>`."""
    kind = dice.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    payload: dict[str, Any] = {
        "contactId": f"contact-{dice.randrange(CONTACTS)}",
        "campaignId": f"campaign-{dice.randrange(CAMPAIGNS)}",
    }
    if kind == "campaign_status_changed":
        payload["newStatus"] = "active"
    elif kind == "contact_added":
        payload["name"] = f"Contact {number}"
    else:
        payload["emailId"] = f"email-{number}"
    return {
        "id": f"{run}-{number}", "type": kind, "source": BY_EVENT_TYPE[kind].sources[0], "payload": payload,
        "metadata": {"userId": USER},
    }  # fmt: skip


class Feeder:
    """Puts events on Kafka, past all faults but Kafka's own, and remembers what Kafka has acknowledged.

    Args:
        kafka: the client's arguments.
        run: the first part of every event's id.
        seed: of what is sent.
        rate: events a second.
    """

    def __init__(self, kafka: Mapping[str, Any], run: str, seed: int, rate: float) -> None:
        self.run = run
        self.rate = rate
        self.acknowledged: set[str] = set()
        """Ids of events that Kafka has said it has."""
        self.sent_at: list[float] = []
        """When the event of each number was sent first, by the monotonic clock."""
        self.in_doubt = 0
        """Sends that Kafka did not answer well. They may be there or not; the log says."""
        self._kafka = kafka
        self._dice = random.Random(f"{seed}:workload")
        self._producer: AIOKafkaProducer | None = None
        self._stopping = asyncio.Event()
        self._confirming: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        # The client's own clock of patience is longer than any fault: a send that fails is in doubt, not lost.
        self._producer = AIOKafkaProducer(
            **self._kafka,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            request_timeout_ms=90_000,
            max_request_size=REQUEST_BYTES,
        )
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._producer is not None
        await asyncio.gather(*self._confirming)
        await self._producer.stop()

    def stop(self) -> None:
        self._stopping.set()

    async def feed(self) -> None:
        """Send numbered events at the rate until stopped."""
        started, sent = time.monotonic(), 0
        while not self._stopping.is_set():
            while sent < int((time.monotonic() - started) * self.rate):
                await self.send(self.next_event())
                sent += 1
            await asyncio.sleep(TICK_SECONDS)

    def next_event(self) -> dict[str, Any]:
        """Make the next event, and take note that it is sent now."""
        made = event(self.run, len(self.sent_at), self._dice)
        self.sent_at.append(time.monotonic())
        return made

    async def send(self, made: Mapping[str, Any], *, timestamp_ms: int | None = None) -> None:
        """Send an event to the topic of its type, under the key that its system gives it."""
        key = made["payload"].get("campaignId") if made["type"] == "campaign_status_changed" else None
        subject = subject_of(made["payload"], made.get("metadata") or {})
        assert subject is not None
        await self.put(
            BY_EVENT_TYPE[made["type"]].events_topic,
            key or subject.id,
            orjson.dumps(made),
            timestamp_ms=timestamp_ms,
            name=str(made["id"]),
        )

    async def put(
        self, topic: str, key: str, value: bytes | None, *, timestamp_ms: int | None = None, name: str | None = None
    ) -> None:
        """Put any record on a topic; `name` is what is noted once Kafka has it."""
        assert self._producer is not None
        try:
            sent = await self._producer.send(topic, value, key=key.encode(), timestamp_ms=timestamp_ms)
        except KafkaError:
            self.in_doubt += 1
            return
        confirming = asyncio.create_task(self._confirm(sent, name))
        self._confirming.add(confirming)
        confirming.add_done_callback(self._confirming.discard)

    def deliver(self, topic: str, key: bytes, value: bytes) -> None:
        """Put a record on a topic, again where Kafka does not say that it has it: once at least, sooner or later."""
        delivering = asyncio.create_task(self._deliver(topic, key, value))
        self._confirming.add(delivering)
        delivering.add_done_callback(self._confirming.discard)

    async def _deliver(self, topic: str, key: bytes, value: bytes) -> None:
        assert self._producer is not None
        while True:
            try:
                await self._producer.send_and_wait(topic, value, key=key)
            except KafkaError:
                await asyncio.sleep(1.0)
            else:
                return

    async def _confirm(self, sent: Awaitable[Any], name: str | None) -> None:
        try:
            await sent
        except KafkaError:
            self.in_doubt += 1
        else:
            if name is not None:
                self.acknowledged.add(name)
