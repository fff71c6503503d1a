"""The whole feed of the first case of each example, as it is stored: a history that new code must tell again.

Run `python -m tests.golden.feeds` to write the files anew, after a change of the feed that is meant; the difference is
then part of the review.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from tests.golden.test_examples import EXAMPLES, cases_of, play, published
from tests.support.driver import FlowDriver

FEEDS = Path(__file__).parent / "histories"


def feed_of(example: Path) -> bytes:
    """Play the first case of an example and return its feed, one record a line."""
    driver = FlowDriver(published(example))
    for step in cases_of(example)[0]["script"]:
        play(driver, step)
    return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in driver.feed)


def write() -> None:
    """Write every feed."""
    FEEDS.mkdir(exist_ok=True)
    for example in EXAMPLES:
        (FEEDS / f"{example.stem}.jsonl").write_bytes(feed_of(example))


if __name__ == "__main__":
    write()
