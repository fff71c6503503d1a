"""Where an input is read on: at the state or at the group's offset, whichever is further."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from streams.batching.host import TP
from streams.batching.seeking import seek_targets
from streams.batching.thread import BatchConsumerThread

A, B = TP("a", 0), TP("b", 0)


def test_the_state_counts_where_the_group_lags_behind_it() -> None:
    assert seek_targets({A: 7, B: 2}, {A: 5, B: None}) == {A: 7, B: 2}


def test_the_group_counts_where_its_last_inputs_gave_nothing_to_commit() -> None:
    assert seek_targets({A: 7}, {A: 9, B: 4}) == {A: 9, B: 4}


def test_an_input_that_nobody_knows_is_read_from_its_beginning_and_offset_0_is_known() -> None:
    assert seek_targets({}, {A: None, B: 0}) == {A: None, B: 0}


class Consumer:
    """aiokafka's, as far as a seek asks for it."""

    def __init__(self) -> None:
        self.sought: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("a", 0), TopicPartition("b", 0), TopicPartition("c", 0), TopicPartition("log", 0)}

    async def committed(self, partition: TopicPartition) -> int | None:
        return 9 if partition.topic == "b" else None

    async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 40)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.sought[partition] = offset

    def pause(self, *partitions: TopicPartition) -> None:
        self.paused.update(partitions)


async def test_every_input_is_sought_and_changelogs_have_a_position_too_and_are_paused() -> None:
    # Without one, aiokafka asks a former leader for it again and again, and fetches nothing else from there meanwhile.
    consumer: Any = Consumer()
    thread = BatchConsumerThread.__new__(BatchConsumerThread)
    thread._consumer = consumer
    thread.app = SimpleNamespace(tables=SimpleNamespace(changelog_topics={"log"}))  # type: ignore[assignment]
    assert await thread._seek_inputs({A: 7, B: 2}) == 1
    assert consumer.sought == {
        TopicPartition("a", 0): 7, TopicPartition("b", 0): 9, TopicPartition("c", 0): 40, TopicPartition("log", 0): 0,
    }  # fmt: skip
    assert consumer.paused == {TopicPartition("log", 0)}
