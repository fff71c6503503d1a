"""In which order a shard decides what it has read, and what holds it (product.md section 2, Time)."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from agents.inputs import ShardInputs


@dataclass(frozen=True)
class Record:
    topic: str
    offset: int
    timestamp: int


def drain(inputs: ShardInputs) -> list[tuple[str, int]]:
    decided = []
    while inputs.head_timestamp() is not None:
        record = inputs.pop()
        decided.append((record.topic, record.offset))
    return decided


def test_the_lowest_timestamp_then_topic_then_offset_comes_first() -> None:
    inputs = ShardInputs({"a": 0, "b": 0})
    inputs.take("b", [Record("b", 0, 10), Record("b", 1, 30)])
    inputs.take("a", [Record("a", 0, 30), Record("a", 1, 20), Record("a", 2, 40)])
    assert inputs.size == 5
    # A record never overtakes one of its own topic, whatever their timestamps.
    assert drain(inputs) == [("b", 0), ("a", 0), ("a", 1), ("b", 1), ("a", 2)]
    assert inputs.decided == {"a": 3, "b": 2}
    assert inputs.size == 0


def test_what_was_applied_before_is_passed_over() -> None:
    inputs = ShardInputs({"a": 5})
    inputs.take("a", [Record("a", offset, 1) for offset in (3, 4, 5, 6)])
    inputs.take("a", [Record("a", offset, 1) for offset in (5, 6, 7)])
    assert drain(inputs) == [("a", 5), ("a", 6), ("a", 7)]


def test_an_input_lags_until_it_is_read_to_its_end_or_has_something() -> None:
    inputs = ShardInputs({"a": 0, "b": 0})
    assert inputs.lagging() == ["a", "b"]
    inputs.note_end("a", at_end=True)
    inputs.take("b", [Record("b", 0, 1)])
    assert inputs.lagging() == []
    inputs.pop()
    assert inputs.lagging() == ["b"]
    inputs.note_end("b", at_end=True)
    assert inputs.lagging() == []
    inputs.note_end("a", at_end=False)
    assert inputs.lagging() == ["a"]


def test_an_excuse_holds_until_the_input_gives_something() -> None:
    inputs = ShardInputs({"a": 0})
    inputs.excuse(["a"])
    assert inputs.lagging() == []
    inputs.take("a", [Record("a", 0, 1)])
    inputs.pop()
    assert inputs.lagging() == ["a"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), max_size=40), st.data())
def test_the_order_does_not_depend_on_how_the_log_was_cut(log: list[tuple[str, int]], data: st.DataObject) -> None:
    by_topic: dict[str, list[Record]] = {"a": [], "b": [], "c": []}
    for topic, timestamp in log:
        by_topic[topic].append(Record(topic, len(by_topic[topic]), timestamp))
    whole = ShardInputs(dict.fromkeys(by_topic, 0))
    for topic, records in by_topic.items():
        whole.take(topic, records)
    cut = ShardInputs(dict.fromkeys(by_topic, 0))
    decided: list[tuple[str, int]] = []
    left = {topic: list(records) for topic, records in by_topic.items()}
    while any(left.values()):
        topic = data.draw(st.sampled_from([topic for topic, records in left.items() if records]))
        count = data.draw(st.integers(1, 5))
        cut.take(topic, left[topic][:count])
        del left[topic][:count]
        cut.note_end(topic, at_end=not left[topic])
        for name, records in left.items():
            cut.note_end(name, at_end=not records)
        while not cut.lagging() and cut.head_timestamp() is not None:
            record = cut.pop()
            decided.append((record.topic, record.offset))
    assert decided + drain(cut) == drain(whole)
