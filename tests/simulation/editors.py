"""People who edit flows while they run: new versions, pauses and resumes, archives; and how a worker hears of it.

A record of `mal.flows` is here the number of a view: what whoever has read so far knows.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, Final, get_args

import orjson

from engine.events import read_event
from engine.flow import FlowHead, FlowStatus, Policy, StatusChange, VersionHead
from engine.matching import FlowTable, Index
from engine.plan import Plan, compile_plan
from engine.types import FlowId
from streams.partitioner import partition_for
from streams.resuming import held_match
from streams.topics import EXECUTIONS, FLOWS, TRIGGERS
from streams.triggers import Written, asked_record, resumed_record
from tests.simulation.log import Log, Place, Row
from tests.simulation.scene import DRIP, SHARDS, START_MS, flow_ids, new_flow_table, variant
from tests.simulation.weather import Weather

MOST_EDITS: Final = 6
EDIT_SECONDS: Final = 5.0
ASK_AGAIN_SECONDS: Final = 0.5
LAGS: Final = 0.1
LAG_SECONDS: Final = 8.0
"""How often and how long a worker hears nothing of the flows, though of all else: a partition's leader is away."""
VIEWS: Final[Place] = (FLOWS, 0)
"""Where the views lie."""


@dataclass
class Editors:
    """The people. `views` are what there was to know, in its order."""

    log: Log
    random: Random
    views: list[Index] = field(default_factory=list)
    is_editing: bool = False
    """Set until the last edit is done, and what a pause held is taken again."""
    _table: FlowTable = field(default_factory=new_flow_table)

    def __post_init__(self) -> None:
        self.views.append(self._table.snapshot())

    async def edit(self) -> None:
        """Edit some flows, over some seconds; in many runs none."""
        random = self.random
        count = random.choice((0, random.randrange(MOST_EDITS), MOST_EDITS))
        self.is_editing = True
        work = [asyncio.create_task(self._edit_one()) for _ in range(count)]
        for one in work:
            await one
        self.is_editing = False

    async def _edit_one(self) -> None:
        random = self.random
        await asyncio.sleep(random.random() * EDIT_SECONDS)
        what = random.choice(("publish", "publish", "pause", "pause", "archive"))
        flow_id = random.choice(flow_ids())
        if what == "publish":
            self._publish(flow_id)
        elif self._head(flow_id).statuses[-1].status != "published":
            return
        elif what == "pause":
            since_ms = self._set_status(flow_id, "paused")
            await asyncio.sleep(random.random() * 4)
            await self._take_again(flow_id, since_ms, self._set_status(flow_id, "published"))
        elif flow_id != DRIP:  # whose entries are counted
            self._set_status(flow_id, "archived", drain=random.random() < 0.5)

    # ---- what they change

    def _publish(self, flow_id: FlowId) -> None:
        random, head = self.random, self._head(flow_id)
        if head.statuses[-1].status == "archived":
            return
        number, policy = head.latest + 1, random.choice(get_args(Policy))
        plan = _plan(flow_id, number, random.randrange(3))
        self._table._plans[flow_id][number] = plan
        self._table.put_head(
            FlowHead(
                flow_id=flow_id,
                latest=number,
                versions=(*head.versions, VersionHead(version=number, policy=policy, effective_from_ms=self._now_ms())),
                statuses=head.statuses,
            )
        )
        self._tell()

    def _set_status(self, flow_id: FlowId, status: FlowStatus, *, drain: bool = False) -> int:
        """Change a status; return when."""
        head, now_ms = self._head(flow_id), self._now_ms()
        change = StatusChange(status=status, at_ms=now_ms, drain=drain)
        self._table.put_head(head.model_copy(update={"statuses": (*head.statuses, change)}))
        self._tell()
        return now_ms

    def _head(self, flow_id: FlowId) -> FlowHead:
        return self._table.snapshot().flows[flow_id].head

    def _tell(self) -> None:
        self.views.append(self._table.snapshot())
        self.log.append(VIEWS, [Row(self._now_ms(), b"view", b"%d" % (len(self.views) - 1), ())])

    # ---- what a resume brings with it (`mal flows resume`)

    async def _take_again(self, flow_id: FlowId, since_ms: int, resumed_at_ms: int) -> None:
        await self._all_applied(flow_id, resumed_at_ms)
        for _ in range(self.random.choice((1, 1, 2))):  # it is safe to repeat
            for shard in range(SHARDS):
                for record in self._feed(shard):
                    match = held_match(record, flow_id, since_ms)
                    if match is not None:
                        origin = self.log.partition(tuple(match.partition)).entries[match.offset].record
                        assert origin is not None
                        again = resumed_record(origin, match.subject, flow_id, match.at_ms)
                        self._put(partition_for(match.subject.id.encode(), SHARDS), again)

    async def _all_applied(self, flow_id: FlowId, at_ms: int) -> None:
        name = f"resumed-{flow_id}-{at_ms}"
        told = {
            "id": name,
            "type": "flow_published",
            "source": "mal",
            "payload": {},
            "metadata": {"userId": "user_001"},
        }
        question = asked_record(
            flow_id, "published", at_ms, read_event(told, default_id="", default_timestamp_ms=at_ms)
        )
        open_shards = set(range(SHARDS))
        while open_shards:
            for shard in sorted(open_shards):
                self._put(shard, question)
            await asyncio.sleep(ASK_AGAIN_SECONDS)
            open_shards = {
                shard
                for shard in open_shards
                if not any(orjson.loads(one.value).get("eventId") == name for one in self._feed(shard))
            }

    def _feed(self, shard: int) -> list[Any]:
        return self.log.partition((EXECUTIONS, shard)).committed(0, 1_000_000)[0]

    def _put(self, shard: int, written: Written) -> None:
        key, value, headers = written
        self.log.append((TRIGGERS, shard), [Row(self._now_ms(), key, value, tuple(headers))])

    @staticmethod
    def _now_ms() -> int:
        return START_MS + round(asyncio.get_running_loop().time() * 1000)


class KnownFlows:
    """What one worker knows of the flows: it hears of each view some time after it is there.

    Args:
        log: where the views lie.
        weather: of the run.
        views: what each is.
    """

    def __init__(self, log: Log, weather: Weather, views: list[Index]) -> None:
        self.view = 0
        self._log = log
        self._weather = weather
        self._views = views
        self._position = 0

    def snapshot(self) -> Index:
        return self._views[self.view]

    async def start(self) -> None:
        """Read to the end of now."""
        await self._weather.travel()
        self._read()
        await self._weather.travel()

    async def read_on(self) -> None:
        """Read what comes, for ever."""
        while True:
            news = self._log.news()
            await self._weather.travel()
            if not self._weather.is_calm and self._weather.random.random() < LAGS:
                await asyncio.sleep(self._weather.random.random() * LAG_SECONDS)
            self._read()
            await news

    async def catch_up(self) -> None:
        """Wait until what is there now is read."""
        await self._weather.travel()
        end = self._log.partition(VIEWS).stable_end
        await self._weather.travel()
        while self._position < end:  # noqa: ASYNC110 -- as the product does, which bounds it
            await asyncio.sleep(0.05)

    def _read(self) -> None:
        records, self._position = self._log.partition(VIEWS).committed(self._position, 1_000)
        if records:
            self.view = int(records[-1].value)


@cache
def _plan(flow_id: FlowId, number: int, kind: int) -> Plan:
    return compile_plan(variant(flow_id, number, kind))
