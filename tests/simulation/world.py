"""The world around the workers: people who make events, and systems that answer commands. Never in trouble itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson

from engine.types import Json
from streams.partitioner import partition_for
from streams.topics import COMMAND_RESULTS
from tests.simulation.log import Log, Place, Row
from tests.simulation.scene import EMAILS, LISTS, SHARDS, START_MS

CONTACTS: Final = ("c1", "c2", "c3", "c4")
COMMANDS: Final = ("tap.email-engine.commands", "tap.fusion-layer.commands", "tap.list-builder.commands")
FAILURES: Final = 2
"""So few, each sent twice at most, that no breaker opens: those are kept in memory only, and on purpose."""
EVENTS_SECONDS: Final = 6.0
_KINDS: Final = ("email_open", "email_open", "email_click", "email_click", "email_reply", "contact_added")


@dataclass
class World:
    """The world. `opened` are the ids of opens that count, `poison` the places of what cannot be read."""

    log: Log
    random: Random
    opened: set[str] = field(default_factory=set)
    poison: set[tuple[str, int, int]] = field(default_factory=set)
    answering: int = 0
    """Answers on their way."""
    _failures: int = 0

    async def happen(self) -> None:
        """Have a handful of events happen, over some seconds."""
        random = self.random
        count = random.randrange(3, 10)
        sent: list[dict[str, Json]] = []
        for number in range(count):
            if random.random() < 0.6:
                await asyncio.sleep(random.random() * 2 * EVENTS_SECONDS / count)
            dice = random.random()
            if dice < 0.06:
                self._put_poison()
            elif dice < 0.16 and sent:
                self._put(random.choice(sent))
            else:
                sent.append(self._event(number))
                self._put(sent[-1])

    async def answer(self) -> None:
        """Answer commands, for ever: most of them well, some not, some twice, some never."""
        positions = {(topic, shard): 0 for topic in COMMANDS for shard in range(SHARDS)}
        while True:
            news = self.log.news()
            for place, position in positions.items():
                records, positions[place] = self.log.partition(place).committed(position, 1_000)
                for record in records:
                    self._answer(record)
            await news

    # ---- events

    def _event(self, number: int) -> dict[str, Json]:
        random = self.random
        kind, contact = random.choice(_KINDS), random.choice(CONTACTS[: random.choice((1, 2, 4))])
        payload: dict[str, Json] = {"contactId": contact, "campaignId": "k1"}
        if kind == "contact_added":
            payload |= {"name": "Ada", "email": "ada@example.com"}
        event = {
            "id": f"e{number}", "type": kind, "source": "email_engine", "payload": payload,
            "metadata": {"userId": "user_001"},
        }  # fmt: skip
        if kind == "email_open":
            self.opened.add(f"e{number}")
        return event

    def _put(self, event: dict[str, Any]) -> None:
        """Put an event where it belongs, or now and then where it does not, to be sent home."""
        key = event["payload"]["contactId"].encode()
        topic = LISTS if event["type"] == "contact_added" else EMAILS
        place, known = (topic, partition_for(key, SHARDS)), key
        if self.random.random() < 0.1:
            place, known = (topic, self.random.randrange(SHARDS)), self.random.choice((key, b"elsewhere"))
        self.log.append(place, [Row(self._timestamp_ms(), known, orjson.dumps(event), ())])

    def _put_poison(self) -> None:
        topic = self.random.choice((EMAILS, LISTS, COMMAND_RESULTS))
        shard = self.random.randrange(SHARDS)
        offset = self.log.append((topic, shard), [Row(self._timestamp_ms(), b"c1", b"{", ())])
        self.poison.add((topic, shard, offset))

    def _timestamp_ms(self) -> int:
        """What the clock of a producer says: a little early or late, now and then by seconds."""
        skew_ms = self.random.choice((0, 0, self.random.randrange(-300, 100), self.random.randrange(-6_000, 3_000)))
        return START_MS + round(asyncio.get_running_loop().time() * 1000) + skew_ms

    # ---- answers

    def _answer(self, record: Any) -> None:
        random = self.random
        if random.random() < 0.1:
            return
        command = orjson.loads(record.value)
        answer: dict[str, Json] = {"commandId": command["id"], "attempt": command["attempt"], "status": "succeeded"}
        if self._failures < FAILURES and random.random() < 0.25:
            self._failures += 1
            answer |= {"status": "failed", "retryable": random.random() < 0.8, "error": "simulated"}
        place = COMMAND_RESULTS, record.partition
        for _ in range(random.choice((1, 1, 1, 2))):
            self.answering += 1
            seconds = random.choice((0.01, 0.5, 4.0)) * random.random()
            asyncio.get_running_loop().call_later(seconds, self._put_answer, place, record.key, answer)

    def _put_answer(self, place: Place, key: bytes | None, answer: dict[str, Json]) -> None:
        self.answering -= 1
        self.log.append(place, [Row(self._timestamp_ms(), key, orjson.dumps(answer), ())])
