"""One simulated system on Kafka: reads its commands and the events it hears, at least once, in a group of its own.

The order is: the events of the work, then the answer, then the position. A crash in between repeats work whose events
have the same ids, and never loses an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer

from engine.systems import BY_EVENT_TYPE, SYSTEMS
from simulators.agenda import Agenda
from simulators.desk import Desk
from simulators.outlet import Outlet
from simulators.tally import Tally
from simulators.values import Json, MalformedCommandError, Moment, Publication, read_command

POLL_MILLISECONDS = 200
POLL_RECORDS = 500
COMMAND_TOPICS: Mapping[str, str | None] = {system.name: system.commands_topic for system in SYSTEMS}

log = logging.getLogger(__name__)

Answers = list[tuple[bytes | None, Mapping[str, Json]]]


class Station:
    """Reads for one desk.

    Args:
        desk: the system with its books.
        kafka: the client's arguments: where Kafka is, and how to be let in.
        outlet: takes events and answers.
        agenda: takes events that are due later.
        moment: tells the moment.
        tally: counts.
    """

    def __init__(
        self,
        desk: Desk,
        kafka: Mapping[str, Any],
        *,
        outlet: Outlet,
        agenda: Agenda,
        moment: Callable[[], Moment],
        tally: Tally,
    ) -> None:
        system = desk.system
        self._desk = desk
        self._commands_topic = COMMAND_TOPICS[system.name]
        topics = {BY_EVENT_TYPE[kind].events_topic for kind in system.hears}
        if self._commands_topic:
            topics.add(self._commands_topic)
        self._consumer = AIOKafkaConsumer(
            *sorted(topics),
            **kafka,
            group_id=f"tap-{system.name.replace('_', '-')}-simulator",
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
        )
        self._outlet = outlet
        self._agenda = agenda
        self._moment = moment
        self._tally = tally

    async def start(self) -> None:
        """Join the group."""
        await self._consumer.start()

    async def stop(self) -> None:
        """Leave the group."""
        await self._consumer.stop()

    async def read_once(self) -> int:
        """Take what has come, work on it, answer, and move the position; return how many records it was."""
        batches = await self._consumer.getmany(timeout_ms=POLL_MILLISECONDS, max_records=POLL_RECORDS)
        now = self._moment()
        answers: Answers = []
        events: list[Publication] = []
        for partition, records in batches.items():
            for record in records:
                if partition.topic == self._commands_topic:
                    events += self._work(record, now, answers)
                else:
                    events += self._hear(record, now)
        await self._outlet.publish([event for event in events if event.due_ms <= now.now_ms])
        self._agenda.add(event for event in events if event.due_ms > now.now_ms)
        await self._outlet.answer(answers)
        if batches:
            await self._consumer.commit()
        return sum(len(records) for records in batches.values())

    def _work(self, record: Any, now: Moment, answers: Answers) -> tuple[Publication, ...]:
        try:
            command = read_command(orjson.loads(record.value or b""))
        except (MalformedCommandError, orjson.JSONDecodeError) as error:
            self._tally.malformed += 1
            log.warning("%s:%s:%s is no command: %s", record.topic, record.partition, record.offset, error)
            return ()
        reaction = self._desk.take(command, now)
        if reaction is None:
            self._tally.repeats += 1
            return ()
        self._tally.commands[command.type] += 1
        answers.append((record.key, reaction.answer))
        return reaction.publications

    def _hear(self, record: Any, now: Moment) -> tuple[Publication, ...]:
        try:
            event = orjson.loads(record.value or b"")
        except orjson.JSONDecodeError:
            return ()  # whoever put it there hears of it from the engine, as a dead letter
        return self._desk.hear(event, now) if isinstance(event, dict) else ()
