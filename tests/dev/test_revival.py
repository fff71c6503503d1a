"""What died is started again: at once, then after growing pauses, as long as it takes."""

from __future__ import annotations

import pytest

from dev.errors import ServiceError
from dev.revival import Revival


class Part:
    """A part whose deaths the test decides."""

    name = "part"

    def __init__(self) -> None:
        self.starts = 0
        self.code: int | None = None
        self.refuses = False

    def poll(self) -> int | None:
        return self.code

    def start(self) -> None:
        self.starts += 1
        if self.refuses:
            raise ServiceError(self.name, "no room")
        self.code = None

    def stop(self) -> None:
        self.code = None


@pytest.fixture
def said() -> list[str]:
    return []


def test_one_that_lives_is_left_alone(said: list[str]) -> None:
    part = Part()
    assert not Revival(part, said.append, 0.0).look(100.0)
    assert (part.starts, said) == (0, [])


def test_the_first_death_is_followed_by_a_start_at_once(said: list[str]) -> None:
    part = Part()
    revival = Revival(part, said.append, 0.0)
    part.code = 137
    assert revival.look(5.0)
    revival.look(5.1)
    assert part.starts == 1
    assert said == ["part ended with exit code 137; it is started again"]


def test_pauses_grow_up_to_a_bound(said: list[str]) -> None:
    part = Part()
    revival = Revival(part, said.append, 0.0)
    part.refuses, part.code = True, 1
    revival.look(0.0)
    for second in range(60):
        revival.look(float(second))
    assert [line.rpartition(" in ")[2] for line in said[1:6]] == ["1 s", "2 s", "4 s", "8 s", "10 s"]


def test_a_death_after_a_healthy_while_counts_as_the_first(said: list[str]) -> None:
    part = Part()
    revival = Revival(part, said.append, 0.0)
    for moment in (1.0, 2.0, 100.0):
        part.code = 1
        revival.look(moment)
        revival.look(moment + 1.5)
    assert revival.deaths == 1
    assert said[-1] == "part ended with exit code 1; it is started again"
