"""Where an input is read on: at the state or at the group's offset, whichever is further."""

from __future__ import annotations

from streams.batching.host import TP
from streams.batching.seeking import seek_targets

A, B = TP("a", 0), TP("b", 0)


def test_the_state_counts_where_the_group_lags_behind_it() -> None:
    assert seek_targets({A: 7, B: 2}, {A: 5, B: None}) == {A: 7, B: 2}


def test_the_group_counts_where_its_last_inputs_gave_nothing_to_commit() -> None:
    assert seek_targets({A: 7}, {A: 9, B: 4}) == {A: 9, B: 4}


def test_an_input_that_nobody_knows_is_read_from_its_beginning_and_offset_0_is_known() -> None:
    assert seek_targets({}, {A: None, B: 0}) == {A: None, B: 0}
