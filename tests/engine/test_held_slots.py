"""The slots that a pause holds: what is kept gives them all again, and is small however many there are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import held_slots
from engine.nodes.triggers.schedule import Schedule
from tests.support.driver import START_MS

MINUTELY = Schedule(cron="* * * * *")
HOURLY = Schedule(cron="0 * * * *", timezone="Europe/Berlin")
TWICE = Schedule(cron="30 2,3 * * *", timezone="Europe/Berlin")
DAY_MS = 86_400_000


def slots(schedule: Schedule, count: int, after_ms: int = START_MS) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        after_ms = held_slots.next_after(schedule.cron, schedule.timezone, after_ms) or 0
        found.append(after_ms)
    return found


def taken(held: held_slots.Held) -> list[int]:
    found: list[int] = []
    while held:
        found.append(held_slots.first(held))
        held = held_slots.without_first(held)
    return found


@pytest.mark.parametrize("schedule", [MINUTELY, HOURLY, TWICE])
def test_the_slots_of_a_long_pause_are_one_span_and_come_again_one_by_one(schedule: Schedule) -> None:
    held: held_slots.Held = []
    expected = slots(schedule, 1_500)
    for at_ms in expected:
        held = held_slots.with_slot(held, schedule, at_ms)
    assert held == [[expected[0], expected[-1], schedule.cron, schedule.timezone]]
    assert taken(held) == expected


@given(st.lists(st.tuples(st.sampled_from([MINUTELY, HOURLY, TWICE]), st.integers(1, 5), st.booleans()), max_size=12))
def test_whatever_is_held_is_taken_again_in_its_order(story: list[tuple[Schedule, int, bool]]) -> None:
    """Versions with other times are published in the pause, slots in between are started, and some are taken again."""
    held: held_slots.Held = []
    expected: list[int] = []
    after_ms = START_MS
    for schedule, count, skips_one in story:
        for at_ms in slots(schedule, count, after_ms):
            held, after_ms = held_slots.with_slot(held, schedule, at_ms), at_ms
            expected.append(at_ms)
        if skips_one:
            [after_ms] = slots(schedule, 1, after_ms)
            held, expected = held_slots.without_first(held), expected[1:]
    assert taken(held) == expected
    assert len(held) <= 2 * len(story)


def test_a_row_of_before_is_still_read() -> None:
    expected = slots(MINUTELY, 4)
    assert taken(list(expected[:2])) == expected[:2]
    held = held_slots.with_slot(held_slots.with_slot(list(expected[:2]), MINUTELY, expected[2]), MINUTELY, expected[3])
    assert taken(held) == expected


def test_a_countdown_whose_date_moves_all_the_time_holds_only_moments_that_a_release_still_has() -> None:
    held = held_slots.with_slot([], MINUTELY, START_MS)
    for minute in range(1_000):
        held = held_slots.with_countdown(held, START_MS + minute * 60_000, {START_MS + 60_000})
    assert taken(held) == [START_MS, START_MS + 60_000, START_MS + 999 * 60_000]
