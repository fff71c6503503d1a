"""What is let into the log: of a library, the same line once in ten seconds."""

from __future__ import annotations

import logging

from streams.logs import REPEATED_SECONDS, Repeats


def said(repeats: Repeats, at: float, text: str, name: str = "aiokafka") -> str | None:
    """What is let through of a line that is logged at a moment; None where it is held back."""
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, "%s away", (text,), None)
    record.created = at
    return record.getMessage() if repeats.filter(record) else None


def test_the_same_line_comes_once_and_then_says_how_many_there_were() -> None:
    repeats = Repeats()
    assert said(repeats, 100.0, "node 1 is") == "node 1 is away"
    assert [said(repeats, 100.0 + seconds, "node 1 is") for seconds in (0.01, 5.0, REPEATED_SECONDS - 0.1)] == [
        None
    ] * 3
    assert said(repeats, 100.0 + REPEATED_SECONDS, "node 1 is") == "node 1 is away (and 3 times more since)"
    assert said(repeats, 101.0 + REPEATED_SECONDS, "node 1 is") is None


def test_another_line_and_what_is_ours_are_always_said() -> None:
    repeats = Repeats()
    for _ in range(2):
        assert said(repeats, 100.0, "node 1 is", name="mal.audit") == "node 1 is away"
    assert said(repeats, 100.0, "node 1 is") == "node 1 is away"
    assert said(repeats, 100.0, "node 2 is") == "node 2 is away"


def test_a_clock_that_jumps_back_silences_nothing() -> None:
    repeats = Repeats()
    assert said(repeats, 100.0, "node 1 is") is not None
    assert said(repeats, 50.0, "node 1 is") is not None


def test_what_is_remembered_is_bounded() -> None:
    repeats = Repeats()
    for number in range(3_000):
        assert said(repeats, 100.0, f"node {number} is") is not None
    assert len(repeats._said) <= 1_000
