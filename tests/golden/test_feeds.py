"""Today's code tells the stored histories of the examples again, byte for byte (contract.md section 4)."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.golden.feeds import FEEDS, feed_of
from tests.golden.test_examples import EXAMPLES
from tests.golden.told_again import check_told_again, differences


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_a_stored_history_is_told_again(example: Path) -> None:
    check_told_again(FEEDS / f"{example.stem}.jsonl", feed_of(example), "tests.golden.feeds")


def test_every_history_belongs_to_an_example() -> None:
    assert {path.stem for path in FEEDS.iterdir()} == {example.stem for example in EXAMPLES}


def test_a_change_is_told_in_words(tmp_path: Path) -> None:
    stored = tmp_path / "changed.jsonl"
    stored.write_bytes(feed_of(EXAMPLES[0]))
    first, *others = stored.read_bytes().splitlines(keepends=True)
    record = orjson.loads(first)
    record["steps"][0] |= {"port": "other", "more": 1}
    del record["origin"]
    place = f"record 1 (seq 1 of {record['executionId']})"
    with pytest.raises(AssertionError) as found:
        check_told_again(stored, b"".join([orjson.dumps(record) + b"\n", *others]), "tests.golden.feeds")
    assert str(found.value).splitlines() == [
        "changed.jsonl is told in another way:",
        f'{place}: origin was "live", is nothing',
        f'{place}: steps[0].port was "out", is "other"',
        f"{place}: steps[0].more was nothing, is 1",
        "If that is meant: python -m tests.golden.feeds",
    ]
    with pytest.raises(AssertionError, match="written in another way"):
        check_told_again(stored, stored.read_bytes().replace(b'"live"', b' "live"'), "tests.golden.feeds")


def test_records_too_many_and_too_few_are_told() -> None:
    one, two = {"executionId": "x", "seq": 1}, {"decision": "held", "eventId": "e"}
    assert list(differences([one], [one])) == []
    assert list(differences([one], [one, two])) == ["record 2 (held of e) is new"]
    assert list(differences([one, two], [one])) == ["record 2 (held of e) is not told any more"]
