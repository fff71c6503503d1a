"""Today's code tells the stored histories of the examples again, byte for byte (contract.md section 4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.feeds import FEEDS, feed_of
from tests.golden.test_examples import EXAMPLES


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_stored_history_is_told_again(example: Path) -> None:
    assert feed_of(example).splitlines() == (FEEDS / f"{example.stem}.jsonl").read_bytes().splitlines()


def test_every_history_belongs_to_an_example() -> None:
    assert {path.stem for path in FEEDS.iterdir()} == {example.stem for example in EXAMPLES}
