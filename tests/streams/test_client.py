"""The client on a real Kafka: what it sends lies where workers look for it, and handlers get all there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from engine.flow import FlowVersion
from engine.ids import execution_id
from engine.types import FlowId, Subject
from streams.client import AutomationClient
from streams.codecs import to_json
from streams.events import Record, decode
from streams.partitioner import partition_for
from streams.published import NotPublishedError
from streams.reading import read_to_end
from streams.topics import EXECUTIONS, FLOWS, TRIGGERS
from streams.triggers import read_trigger
from tests.streams.conftest import PARTITIONS
from tests.streams.records import OPEN
from tests.support.flows import version

pytestmark = pytest.mark.services

OPENS = "tap.email-engine.events"


async def records_of(kafka: dict[str, Any], topic: str, wanted: Callable[[Record], bool]) -> list[Record]:
    found: list[Record] = []
    await read_to_end(kafka, topic, lambda record: found.append(record) if wanted(record) else None)
    return found


async def send(kafka: dict[str, Any], topic: str, *pairs: tuple[bytes | None, Any]) -> None:
    async with AIOKafkaProducer(**kafka) as producer:
        for key, value in pairs:
            content = value if value is None or isinstance(value, bytes) else orjson.dumps(value)
            await producer.send_and_wait(topic, content, key=key)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not happened():  # noqa: ASYNC110 -- bounded above
            await asyncio.sleep(0.02)


def flow(flow_id: str, user_id: str | None = "user_001", workspace_id: str | None = None) -> FlowVersion:
    nodes = {"start": ("manual_trigger", {}), "log": ("log_event", {"message": "m"})}
    return version(nodes, "start>log", number=2, flow_id=flow_id, user_id=user_id, workspace_id=workspace_id)


async def publish(kafka: dict[str, Any], drawn: FlowVersion, *statuses: str) -> None:
    head = {
        "flowId": drawn.flow_id,
        "latest": drawn.version,
        "versions": [{"version": drawn.version, "effectiveFromMs": 1}],
        "statuses": [{"status": status, "atMs": at} for at, status in enumerate(statuses)],
    }
    pairs = [(f"{drawn.flow_id}/{drawn.version}", drawn.wire()), (f"{drawn.flow_id}/head", head)]
    await send(kafka, FLOWS, *((key.encode(), value) for key, value in pairs))


async def test_events_lie_on_the_topic_of_their_type_under_their_subject(kafka_client: dict[str, Any]) -> None:
    contact = f"contact-{uuid4()}"
    opened = {**OPEN, "payload": {"contactId": contact}, "extra": 1}
    del opened["id"]
    async with AutomationClient(**kafka_client) as client:
        made = await client.emit_automation_event(opened)
        typed = decode_one({**OPEN, "id": f"e-{contact}", "payload": {"contactId": contact}})
        ids = await client.emit_automation_events([{**opened, "id": "mine"}, typed])
    assert UUID(made).version == 4
    assert ids == ["mine", f"e-{contact}"]
    found = await records_of(kafka_client, OPENS, lambda record: record.key == contact.encode())
    assert [orjson.loads(record.value or b"")["id"] for record in found] == [made, *ids]
    assert {record.partition for record in found} == {partition_for(contact.encode(), PARTITIONS)}
    assert orjson.loads(found[0].value or b"") == {**opened, "id": made}


def decode_one(wire: dict[str, Any]) -> Any:
    from tests.streams.records import record

    return decode(record(wire))


async def test_an_event_may_be_one_mebibyte_long(kafka_client: dict[str, Any]) -> None:
    bare = {**OPEN, "payload": {"contactId": "large", "text": ""}}
    text = "x" * (1024 * 1024 - len(to_json(bare)))
    async with AutomationClient(**kafka_client) as client:
        await client.emit_automation_event({**bare, "payload": {"contactId": "large", "text": text}})
        with pytest.raises(ValueError, match="is 1048577 bytes long"):
            await client.emit_automation_event({**bare, "payload": {"contactId": "large", "text": text + "x"}})


async def test_what_is_no_event_is_refused_and_nothing_sent(kafka_client: dict[str, Any]) -> None:
    good = {**OPEN, "id": f"unsent-{uuid4()}"}
    async with AutomationClient(**kafka_client) as client:
        for bad, why in (({**OPEN, "payload": None}, "payload must be"), ({**OPEN, "type": "x"}, "no topic takes")):
            with pytest.raises(ValueError, match=why):
                await client.emit_automation_events([good, bad])
    assert not await records_of(kafka_client, OPENS, lambda record: good["id"].encode() in (record.value or b""))


async def test_a_manual_trigger_is_the_flows_and_says_which_execution_it_starts(kafka_client: dict[str, Any]) -> None:
    mine, team = flow(f"mine-{uuid4()}"), flow(f"team-{uuid4()}", workspace_id="ws-1")
    await publish(kafka_client, mine, "published")
    await publish(kafka_client, team, "published", "paused", "published")
    async with AutomationClient(**kafka_client) as client:
        first = await client.manual_trigger_flow(mine.flow_id, {"contactId": "c-1"}, idempotency_key="k")
        again = await client.manual_trigger_flow(mine.flow_id, {"contactId": "c-1"}, idempotency_key="k")
        other = await client.start_execution(team.flow_id)
    assert first == again == execution_id(mine.flow_id, "mal", Subject("contact", "c-1"), "k")
    found = [read_trigger(record) for record in await records_of(kafka_client, TRIGGERS, lambda _: True)]
    mines = [trigger for trigger in found if trigger.flow_id == mine.flow_id]
    (teams,) = [trigger for trigger in found if trigger.flow_id == team.flow_id]
    assert [(trigger.kind, trigger.event.type, trigger.event.id) for trigger in mines] == [
        ("manual", "manual_trigger", "k")
    ] * 2
    assert mines[0].event.scope == mine.scope
    assert teams.event.scope == team.scope
    assert teams.event.subject == Subject("user", "user_001")
    assert other == execution_id(team.flow_id, "mal", Subject("user", "user_001"), teams.event.id)


async def test_only_a_published_flow_can_be_started_and_for_somebody(kafka_client: dict[str, Any]) -> None:
    archived, nobodys = flow(f"archived-{uuid4()}"), flow(f"nobodys-{uuid4()}", user_id=None, workspace_id="ws-1")
    await publish(kafka_client, archived, "published", "archived")
    await publish(kafka_client, nobodys, "published")
    async with AutomationClient(**kafka_client) as client:
        with pytest.raises(NotPublishedError, match="is archived, not published"):
            await client.manual_trigger_flow(archived.flow_id)
        with pytest.raises(NotPublishedError, match="no published flow 'nowhere'"):
            await client.manual_trigger_flow("nowhere")
        with pytest.raises(ValueError, match="the context needs a contactId"):
            await client.manual_trigger_flow(nobodys.flow_id, {})
        await send(kafka_client, FLOWS, (f"{nobodys.flow_id}/2".encode(), None))
        with pytest.raises(NotPublishedError, match=r"is not on mal\.flows; publish it again"):
            await client.manual_trigger_flow(nobodys.flow_id, {"contactId": "c"})
        await send(kafka_client, FLOWS, (f"{nobodys.flow_id}/head".encode(), None))
        with pytest.raises(NotPublishedError, match="there is no published flow"):
            await client.manual_trigger_flow(FlowId(nobodys.flow_id), {"contactId": "c"})


async def test_handlers_hear_what_they_asked_for(kafka_client: dict[str, Any]) -> None:
    mark = str(uuid4())
    heard: dict[str, list[dict[str, Any]]] = {"open": [], "click": [], "command": [], "feed": []}

    async def on_click(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        heard["click"].append(event)

    async with AutomationClient(**kafka_client, group_id=f"hears-{mark}") as client:
        await client.on_event("email_open", heard["open"].append)
        client.on_event("email_click", on_click)
        client.on_command("list_builder", heard["command"].append)
        client.on_execution(heard["feed"].append)
        await send(kafka_client, OPENS, (b"c", b"\xff"), (b"c", None))
        await client.emit_automation_event({**OPEN, "id": f"open-{mark}"})
        await client.emit_automation_event({**OPEN, "type": "email_click", "id": f"click-{mark}"})
        await send(kafka_client, "tap.list-builder.commands", (b"c", {"id": f"command-{mark}"}), (b"c", None))
        await send(kafka_client, EXECUTIONS, (b"c", {"executionId": f"feed-{mark}"}))
        await until(lambda: all(mark in orjson.dumps(told).decode() for told in heard.values()))
    assert {event["type"] for event in heard["open"]} == {"email_open"}
    assert {event["type"] for event in heard["click"]} == {"email_click"}


async def test_an_unknown_type_or_system_is_refused(kafka_client: dict[str, Any]) -> None:
    async with AutomationClient(**kafka_client) as client:
        with pytest.raises(ValueError, match="no topic takes the type 'nothing'"):
            client.on_event("nothing", print)
        with pytest.raises(ValueError, match="no commands go to 'tracker'; they go to cmg, email_engine"):
            client.on_command("tracker", print)


async def test_a_handler_that_raises_gets_its_record_again_and_what_is_done_stays_done(
    kafka_client: dict[str, Any],
) -> None:
    mark = str(uuid4())
    heard: list[str] = []

    def handle(event: dict[str, Any], *, fails: bool) -> None:
        if mark in event["id"]:
            heard.append(event["id"].partition(" ")[0])
            if fails and heard[-1] == "second":
                raise LookupError("no such contact")

    async with AutomationClient(**kafka_client) as client:
        await client.emit_automation_events([{**OPEN, "id": f"{name} {mark}"} for name in ("first", "second", "third")])
    with pytest.raises(LookupError, match="no such contact"):
        async with AutomationClient(**kafka_client, group_id=f"again-{mark}") as client:
            client.on_event("email_open", lambda event: handle(event, fails=True))
            async with asyncio.timeout(30):
                await client.listen()
    assert heard == ["first", "second"]
    async with AutomationClient(**kafka_client, group_id=f"again-{mark}") as client:
        client.on_event("email_open", lambda event: handle(event, fails=False))
        await until(lambda: "third" in heard)
    assert heard == ["first", "second", "second", "third"]


async def test_a_group_misses_nothing_while_one_joins_and_one_leaves(
    kafka_client: dict[str, Any],
) -> None:
    mark = str(uuid4())
    heard: set[str] = set()

    def events(start: int) -> list[dict[str, Any]]:
        return [
            {**OPEN, "id": f"{mark} {number}", "payload": {"contactId": f"c-{number}"}}
            for number in range(start, start + 60)
        ]

    def hear(client: AutomationClient) -> asyncio.Future[None]:
        return client.on_event("email_open", lambda event: heard.add(event["id"]))

    wanted = {f"{mark} {number}" for number in range(180)}
    async with AutomationClient(**kafka_client, group_id=f"pair-{mark}") as stays:
        async with AutomationClient(**kafka_client, group_id=f"pair-{mark}") as leaves:
            await hear(leaves)
            await stays.emit_automation_events(events(0))
            joined = hear(stays)
            await stays.emit_automation_events(events(60))
            await joined
        await stays.emit_automation_events(events(120))
        await until(lambda: wanted <= heard)


async def test_progress_is_that_of_the_latest_record(kafka_client: dict[str, Any]) -> None:
    execution = str(uuid4())

    def told(seq: int, completed: int, status: str) -> tuple[bytes, dict[str, Any]]:
        progress = {"completedSteps": completed, "totalSteps": 3, "currentStatus": status}
        return b"c", {"executionId": execution, "seq": seq, "progress": progress}

    mentioned = (b"c", {"decision": "suppressed", "executionId": None, "eventId": execution})
    await send(kafka_client, EXECUTIONS, told(1, 1, "running"), told(2, 3, "succeeded"), mentioned)
    async with AutomationClient(**kafka_client) as client:
        assert await client.get_execution_progress(execution) == {
            "completedSteps": 3, "totalSteps": 3, "currentStatus": "succeeded",
        }  # fmt: skip
        assert await client.get_execution_progress(str(uuid4())) is None


async def test_outside_of_its_block_it_is_not_connected(kafka_client: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="async with AutomationClient"):
        await AutomationClient(**kafka_client).emit_automation_event(OPEN)
