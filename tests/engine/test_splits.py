"""Arms by weight: in proportion, sticky, and moving weights moves the fewest."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest

from engine.chance import fraction
from engine.splits import arm_of
from engine.types import Subject

PEOPLE = [Subject("contact", f"contact_{number}") for number in range(20_000)]
HALVES = (("a", 1.0), ("b", 1.0))


def arms(salt: str, *weights: tuple[str, float], people: list[Subject] = PEOPLE) -> list[str]:
    return [arm_of(person, salt, weights) for person in people]


def chi_square(counted: Counter[str], weights: dict[str, float], drawn: int) -> float:
    whole = sum(weights.values())
    return sum((counted[arm] - drawn * w / whole) ** 2 / (drawn * w / whole) for arm, w in weights.items())


@pytest.mark.parametrize(
    ("drawn", "weights", "bound"),
    [
        (1_000_000, {"a": 70.0, "b": 30.0}, 10.83),
        (100_000, {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0, "e": 90.0}, 18.47),
    ],
    ids=["a million", "five arms"],
)
def test_subjects_are_divided_by_weight(drawn: int, weights: dict[str, float], bound: float) -> None:
    counted = Counter(arm_of(Subject("contact", f"p{number}"), "s", weights.items()) for number in range(drawn))
    assert chi_square(counted, weights, drawn) < bound  # p = 0.001, with one degree of freedom less than arms


def test_numbers_from_names_are_even() -> None:
    drawn = 100_000
    tenths = Counter(str(int(fraction("x", number) * 10)) for number in range(drawn))
    assert chi_square(tenths, {str(tenth): 1.0 for tenth in range(10)}, drawn) < 27.88  # nine degrees, p = 0.001
    assert all(0 < fraction(name) < 1 for name in ("", "\ud800", "a"))


def test_numbers_from_names_never_change() -> None:
    assert fraction("split", "s", "contact", "c1", "a") == 0.38121533213795494
    assert fraction("holdout", "f", "contact", "c1") == 0.11984326659418193


def test_the_same_subject_is_always_in_the_same_arm() -> None:
    assert arms("s", *HALVES) == arms("s", *HALVES) == arms("s", *reversed(HALVES)) == arms("s", ("a", 7), ("b", 7))


def test_another_salt_divides_independently() -> None:
    both = Counter(zip(arms("one", *HALVES), arms("two", *HALVES), strict=True))
    assert all(abs(number - 5_000) < 4 * sqrt(20_000 * 3 / 16) for number in both.values())


def test_a_contact_and_a_campaign_of_one_id_are_two_subjects() -> None:
    campaigns = [Subject("campaign", person.id) for person in PEOPLE]
    assert arms("s", *HALVES) != arms("s", *HALVES, people=campaigns)


@pytest.mark.parametrize(
    ("before", "after", "from_arm", "to_arm", "share"),
    [
        ((("a", 50), ("b", 50)), (("a", 70), ("b", 30)), {"b"}, {"a"}, 0.2),
        ((("a", 1), ("b", 1)), (("a", 1), ("b", 1), ("c", 1)), {"a", "b"}, {"c"}, 1 / 3),
        ((("a", 1), ("b", 1), ("c", 2)), (("a", 1), ("b", 1), ("c", 0)), {"c"}, {"a", "b"}, 0.5),
    ],
    ids=["a weight moves", "an arm is added", "an arm is closed"],
)
def test_only_those_move_who_must(
    before: tuple[tuple[str, float], ...],
    after: tuple[tuple[str, float], ...],
    from_arm: set[str],
    to_arm: set[str],
    share: float,
) -> None:
    moves = [(old, new) for old, new in zip(arms("s", *before), arms("s", *after), strict=True) if old != new]
    assert {old for old, _ in moves} == from_arm
    assert {new for _, new in moves} == to_arm
    assert abs(len(moves) / len(PEOPLE) - share) < 0.015
