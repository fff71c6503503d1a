"""Timers fire in the order (due, execution, rank, visit), each once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.due import DueIndex, Timer
from engine.types import ExecutionId, NodeId

timers = st.builds(
    Timer,
    st.integers(0, 40 * 3_600_000),
    st.sampled_from("abc").map(ExecutionId),
    st.integers(-1, 3),
    st.integers(1, 2),
    st.just(NodeId("n")),
)


@given(st.lists(timers), st.lists(timers))
def test_timers_come_out_sorted_also_those_added_in_between(first: list[Timer], later: list[Timer]) -> None:
    index = DueIndex()
    for timer in first:
        index.add(timer)
    out = [index.pop() for _ in range(len(first) // 2)]
    assert out == sorted(first)[: len(out)]
    left = sorted(first)[len(out) :]
    for timer in later:
        index.add(timer)
    rest = []
    while index.next_due_ms() is not None:
        rest.append(index.pop())
    assert rest == sorted(left + later)


def test_an_empty_index_has_nothing_due() -> None:
    index = DueIndex()
    assert index.next_due_ms() is None
    with pytest.raises(IndexError, match="no timer"):
        index.pop()


@given(st.lists(timers), st.integers(0, 20), st.integers(0, 41 * 3_600_000), st.integers(1, 30))
def test_what_is_waiting_and_what_is_due_can_be_counted_at_any_time(
    first: list[Timer], popped: int, now_ms: int, most: int
) -> None:
    index = DueIndex()
    for timer in first:
        index.add(timer)
    left = sorted(first)
    for _ in range(min(popped, len(first))):
        assert index.pop() == left.pop(0)
    assert len(index) == len(left)
    # Only hours that are near are known to the millisecond; a far one counts when all of it is over.
    index.next_due_ms()
    near = left[0].due_ms // 3_600_000 if left else 0
    due = [one for one in left if one.due_ms <= now_ms]
    surely = [one for one in due if one.due_ms // 3_600_000 in (near, *range(now_ms // 3_600_000))]
    assert min(len(surely), most) <= index.count_due(now_ms, most) <= min(len(due), most)
