"""What shards have done, counted: distributions count many values as they would one by one."""

from __future__ import annotations

import random
from types import SimpleNamespace

from agents.tally import Distribution, Tally


def test_values_lie_in_the_bucket_of_the_first_bound_that_they_do_not_pass() -> None:
    seen = Distribution((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 2.0, 3.0):
        seen.add(value)
    assert (seen.counts, seen.total) == ([2, 2, 1], 8.0)


def test_many_at_once_are_counted_as_one_by_one() -> None:
    dice = random.Random(7)
    values = sorted(dice.choice((1.0, 2.0, dice.uniform(0, 4))) for _ in range(1_000))
    one_by_one, at_once = Distribution((1.0, 2.0, 3.0)), Distribution((1.0, 2.0, 3.0))
    for value in values:
        one_by_one.add(value)
    at_once.add_sorted(values)
    assert at_once.counts == one_by_one.counts
    assert sum(at_once.counts) == 1_000


def test_a_unit_counts_its_inputs_by_topic_and_their_way_to_the_commit() -> None:
    tally = Tally()
    records = [SimpleNamespace(topic="a", timestamp=ms) for ms in (9_000, 9_980)]
    tally.note_unit([*records, SimpleNamespace(topic="b", timestamp=10_500)], 0.3, 10_000)
    assert tally.records == {"a": 2, "b": 1}
    assert sum(tally.units.counts) == 1
    # 1 s, 20 ms, and one with a timestamp ahead of our clock, which counts as none.
    assert abs(tally.latency.total - 1.02) < 1e-9


def test_the_feed_is_counted_by_what_it_says() -> None:
    tally = Tally()
    moved = {"seq": 1, "origin": "live", "status": "running", "endReason": None}
    tally.note_record(moved)
    tally.note_record({**moved, "seq": 2, "status": "partial", "endReason": "limit"})
    tally.note_record({"decision": "suppressed", "reason": "cooldown"})
    assert (tally.started, tally.ended) == ({"live": 1}, {"partial": 1})
    assert tally.decisions == {("suppressed", "cooldown"): 1}
