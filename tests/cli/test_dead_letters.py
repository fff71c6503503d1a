"""Dead letters by the command line: listed, shown byte for byte, and put back as they were."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from streams.topics import DEAD_LETTERS
from tests.cli.conftest import Mal, records, rows
from tests.support.conditions import eventually

pytestmark = pytest.mark.services

TOPIC = "tap.cmg.events"
BYTES = b"\xff no event"


@pytest.fixture
def letter(topics: str) -> str:
    """The id of a dead letter that no other test knows."""
    offset = uuid4().int % 2**40
    headers = {"trace": "t-1", "error": "is no JSON", "topic": TOPIC, "partition": "1", "offset": str(offset)}
    written = [*headers.items(), ("timestamp", "2026-11-01T10:30:00Z")]
    asyncio.run(_write(topics, [(name, text.encode()) for name, text in written]))
    return f"{TOPIC}:1:{offset}"


async def _write(bootstrap: str, headers: list[tuple[str, bytes]]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        await producer.send_and_wait(DEAD_LETTERS, BYTES, key=b"campaign_1", partition=1, headers=headers)


def test_a_letter_is_listed_and_shown(mal: Mal, letter: str) -> None:
    (listed,) = [row for row in rows(mal("dead-letters", "list", "--json")) if row["id"] == letter]
    assert listed == {"id": letter, "timestamp": "2026-11-01T10:30:00Z", "error": "is no JSON", "redriven": None}
    (shown,) = rows(mal("dead-letters", "show", letter, "--json"))
    assert shown["key"] == "campaign_1"
    assert shown["value"] == {"base64": "/yBubyBldmVudA=="}
    assert shown["headers"] == [{"name": "trace", "value": "t-1"}]
    for_people = mal("dead-letters", "show", letter).stdout
    assert "error      is no JSON" in for_people
    assert "header     trace: t-1" in for_people


def test_a_letter_is_put_back_as_it_was_and_that_is_noted(mal: Mal, topics: str, letter: str) -> None:
    before = len(records(topics, TOPIC))
    assert rows(mal("dead-letters", "redrive", letter, "--json")) == [{"id": letter, "error": "is no JSON"}]
    # A transaction is seen a moment after it is committed.
    eventually(lambda: len(records(topics, TOPIC)) == before + 1, what="the record is on its topic again")
    record = max(records(topics, TOPIC), key=lambda one: one.timestamp)
    assert record.value == BYTES
    assert record.key == b"campaign_1"
    assert record.headers == (("trace", b"t-1"),)
    (listed,) = [row for row in rows(mal("dead-letters", "list", "--json")) if row["id"] == letter]
    assert listed["redriven"] is not None


def test_all_that_were_not_put_back_are_put_back_once(mal: Mal, letter: str) -> None:
    assert letter in {row["id"] for row in rows(mal("dead-letters", "redrive", "--all", "--json"))}
    again = mal("dead-letters", "redrive", "--all")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "nothing to put back" in again.stderr


@pytest.mark.parametrize("verb", ["show", "redrive"])
def test_an_unknown_id_is_refused(mal: Mal, verb: str) -> None:
    refused = mal("dead-letters", verb, f"{TOPIC}:0:999999")
    assert refused.exit_code == 1
    assert f"there is no dead letter {TOPIC}:0:999999" in refused.stderr
