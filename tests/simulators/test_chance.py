from __future__ import annotations

from statistics import mean, median

from simulators.chance import Chance


def test_the_same_seed_and_words_throw_the_same() -> None:
    assert Chance(7).unit("open", "mail-1") == Chance(7).unit("open", "mail-1")
    assert Chance(7).unit("open", "mail-1") != Chance(8).unit("open", "mail-1")
    assert Chance(7).unit("open", 1) != Chance(7).unit("open", "1")


def test_throws_are_even() -> None:
    throws = [Chance(1).unit(number) for number in range(10_000)]
    assert all(0 <= throw < 1 for throw in throws)
    assert abs(mean(throws) - 0.5) < 0.02


def test_half_of_all_people_take_less_than_the_median_and_nobody_much_longer() -> None:
    taken = [Chance(1).seconds(100.0, number) for number in range(5_000)]
    assert 90 < median(taken) < 110
    assert max(taken) <= 1200


def test_weights_decide_how_often_an_item_comes() -> None:
    picked = [Chance(1).weighted(((3.0, "often"), (1.0, "seldom")), number) for number in range(4_000)]
    assert 2_850 < picked.count("often") < 3_150
