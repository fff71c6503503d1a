"""A subject's rows lie where its key says: the pages of its marks come and go beside them."""

from typing import Any

from engine.seen import KEPT_MS, PAGE, mark_of
from engine.shard_tables import SUBJECTS, Rows
from tests.support.driver import MemoryTables


def pages_of(tables: MemoryTables) -> list[int]:
    return [number for number in range(16) if tables.get(SUBJECTS, f"key\x1f{number}") is not None]


def test_pages_are_written_beside_the_row_and_deleted_when_all_in_them_is_over() -> None:
    tables = MemoryTables()
    row: dict[str, Any] = {}
    seen = Rows(tables, {}).seen("key", row)
    for number in range(PAGE + 1):
        assert seen.add(mark_of("tracker", str(number)), 0)
    assert pages_of(tables) == row["pages"] == list(range(16))
    assert not seen.add(mark_of("tracker", "0"), 1)
    marks = [mark for number in range(40 * PAGE) if (mark := mark_of("later", str(number))).startswith("0")]
    for mark in marks[: PAGE + 1]:
        assert seen.add(mark, KEPT_MS)
    assert pages_of(tables) == row["pages"] == [0]
