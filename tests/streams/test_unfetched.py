"""An input that aiokafka has stopped to fetch is told from one of which there is nothing to say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.subscription_state import Assignment
from faust.types import TP

from streams.batching.thread import BatchConsumerThread

STUCK, OTHER = TopicPartition("tap.email-engine.events", 3), TopicPartition("tap.list-builder.events", 3)
CHANGELOG = TopicPartition("mal-entries-changelog", 3)
NOW_MS = 1_790_000_000_000


class Thread:
    """A consumer's thread over aiokafka's own assignment, with what the rest of aiokafka would say."""

    def __init__(self) -> None:
        self.assignment = Assignment([STUCK, OTHER, CHANGELOG])
        self.fetcher: Any = SimpleNamespace(_records={}, _client=SimpleNamespace(cluster=self))
        self.leaders = {STUCK: 3, OTHER: 1}
        self.thread = object.__new__(BatchConsumerThread)
        self.thread.app = SimpleNamespace(tables=SimpleNamespace(changelog_topics={CHANGELOG.topic}))  # type: ignore[assignment]
        self.thread._consumer = SimpleNamespace(
            _subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=self.assignment)),
            _fetcher=self.fetcher,
        )
        self.thread.gate = self.thread.epoch = 1
        self.thread.sought_ms = NOW_MS
        self.heard(OTHER, 60)

    def leader_for_partition(self, partition: TopicPartition) -> int | None:
        return self.leaders.get(partition)

    def broker_metadata(self, node: int | None) -> object | None:
        return object() if node in {1, 3} else None

    def heard(self, partition: TopicPartition, seconds: float) -> None:
        self.assignment.state_value(partition).timestamp = NOW_MS + seconds * 1000

    def unfetched(self) -> list[TP]:
        return self.thread.unfetched(45.0)


@pytest.fixture
async def thread() -> Thread:
    return Thread()


async def test_one_of_which_nothing_is_heard_while_others_are_is_told(thread: Thread) -> None:
    assert thread.unfetched() == [TP(*STUCK)]
    thread.heard(STUCK, 14)
    assert thread.unfetched() == [TP(*STUCK)]
    thread.heard(STUCK, 16)
    assert thread.unfetched() == []


async def test_where_nothing_is_heard_of_any_kafka_is_away(thread: Thread) -> None:
    thread.heard(OTHER, 44)
    assert thread.unfetched() == []


async def test_after_a_seek_it_has_as_long_again(thread: Thread) -> None:
    thread.thread.sought_ms = NOW_MS + 20_000
    assert thread.unfetched() == []


async def test_one_without_a_leader_is_kafkas_affair(thread: Thread) -> None:
    thread.leaders[STUCK] = -1
    assert thread.unfetched() == []


async def test_one_that_waits_for_us_is_not_meant(thread: Thread) -> None:
    thread.fetcher._records[STUCK] = object()
    assert thread.unfetched() == []


async def test_in_a_rebalance_none_is_told(thread: Thread) -> None:
    thread.thread.gate = None
    assert thread.unfetched() == []
    thread.thread._consumer = None
    assert thread.unfetched() == []
