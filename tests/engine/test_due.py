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
