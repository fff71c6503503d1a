"""The history of a flow with rules of every kind is told again, byte for byte: entry, holdout, arms, caps and hours.

Run `python -m tests.golden.test_considerate` to write it anew, after a change that is meant.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson

from tests.golden.test_examples import published
from tests.golden.told_again import check_told_again
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened

FLOW = Path(__file__).parent / "considerate.yaml"
HISTORY = FLOW.with_suffix(".jsonl")
ZONES = ("Europe/Berlin", "America/New_York", None)


def played() -> FlowDriver:
    """Six people open three campaigns by day and by night, over the days on which Berlin's clocks are set back."""
    driver = FlowDriver(published(FLOW))
    driver.advance(32 * 86_400)  # to Friday, 23 October 2026
    for number in range(6):
        attributes = {"name": f"P{number}", "timezone": ZONES[number % 3]}
        driver.send(event("context_updated", "fusion_layer", entityType="contact", entityId=f"p{number}",
                          contactId=f"p{number}", attributes=attributes))  # fmt: skip
    for step in range(9):
        for number in range(6):
            driver.send(opened(f"p{number}", campaign=f"k{(number + step) % 3}"))
        driver.advance(37_000)
    driver.advance(20 * 86_400)
    return driver


def written(driver: FlowDriver) -> bytes:
    return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in driver.feed)


def test_the_history_is_told_again() -> None:
    check_told_again(HISTORY, written(played()), "tests.golden.test_considerate")


def test_it_shows_every_kind_of_outcome() -> None:
    found = Counter((record["decision"], record["reason"]) for record in played().decisions)
    assert found.keys() == {
        ("suppressed", "already_entered"), ("suppressed", "holdout"), ("suppressed", "expired"), ("held", "capped"),
        ("held", "quiet_hours"),
    }  # fmt: skip


if __name__ == "__main__":
    HISTORY.write_bytes(written(played()))
