"""Rules of whole flows on a real Kafka: who enters, which arm, and a message that has to wait for the morning."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from engine.flow import FlowVersion
from engine.splits import arm_of
from engine.types import Subject
from tests.integration.test_worker import COMMANDS, command_of, feed_of, in_force, opened
from tests.support.flows import version
from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.services

MAIL = {"subject": "s", "body": "b", "fromEmail": "a@example.com"}


def flow(flow_id: str, nodes: dict[str, Any], edges: str, **settings: Any) -> FlowVersion:
    trigger = {"t": ("email_open", {"campaignId": f"k-{flow_id}"})}
    return version({**trigger, **nodes}, edges, flow_id=flow_id, settings=settings)


async def test_a_hundred_triggers_at_once_are_one_entry_and_one_command(working: Pipeline) -> None:
    nodes = {"n": ("tag_contact", {"tag": "once"})}
    await in_force(working, flow("once", nodes, "t>n", entry={"rule": "once"}), "k-once")
    await asyncio.gather(*(working.send(opened("olga", "k-once", f"e-olga-{number}")) for number in range(100)))
    told = await feed_of(working, "olga", 100)
    assert Counter(record.get("reason", "started") for record in told) == {"already_entered": 99, "started": 1}
    commands = [record for record in await working.read(COMMANDS, 1) if record.key == b"olga"]
    assert len(commands) == 1


async def test_a_contact_is_in_the_arm_that_its_id_says(working: Pipeline) -> None:
    split = {"variants": [{"label": "a"}, {"label": "b"}], "salt": "real"}
    nodes = {"s": ("ab_split", split), "a": ("tag_contact", {"tag": "a"}), "b": ("tag_contact", {"tag": "b"})}
    await in_force(working, flow("split", nodes, "t>s s>a:a s>b:b"), "k-split")
    for contact in ("pia", "paul", "pete"):
        await working.send(opened(contact, "k-split", f"e-{contact}"))
        command = orjson.loads((await command_of(working, contact)).value)
        assert command["payload"]["tag"] == arm_of(Subject("contact", contact), "real", (("a", 1), ("b", 1)))


async def test_by_night_a_message_is_held_and_said_so_and_by_day_it_goes_out(working: Pipeline) -> None:
    now = datetime.now(UTC)
    night = {"from": f"{now - timedelta(hours=2):%H:%M}", "to": f"{now + timedelta(hours=2):%H:%M}"}
    day = {"from": f"{now + timedelta(hours=2):%H:%M}", "to": f"{now - timedelta(hours=2):%H:%M}"}
    nodes = {"m": ("send_email_campaign", MAIL), "n": ("tag_contact", {"tag": "sent"})}
    await in_force(working, flow("night", nodes, "t>m m>n", messages={"quietHours": night}), "k-night")
    await working.send(opened("nina", "k-night", "e-nina"))
    execution, held = await feed_of(working, "nina", 2)
    assert [wait["for"] for wait in execution["waiting"]] == ["quiet_hours"]
    assert (held["decision"], held["reason"], held["nodeId"]) == ("held", "quiet_hours", "m")
    assert held["until"] == execution["waiting"][0]["until"]
    await in_force(working, flow("day", nodes, "t>m m>n", messages={"quietHours": day}), "k-day")
    await working.send(opened("dora", "k-day", "e-dora"))
    assert orjson.loads((await command_of(working, "dora")).value)["payload"]["tag"] == "sent"
