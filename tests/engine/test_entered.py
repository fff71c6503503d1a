"""An event enters a flow once, ever, and a busy subject's entry stays small."""

from __future__ import annotations

from typing import Any

from engine.entered import KEPT, enter, entered, new_entry
from engine.seen import mark_of


class Rows:
    def __init__(self) -> None:
        self.entry = new_entry()
        self.pages: dict[str, dict[str, Any]] = {}

    def enter(self, name: str, now_ms: int = 0) -> bool:
        mark = mark_of("s", name)
        if entered(self.entry, mark, self.pages.get):
            return False
        enter(self.entry, mark, now_ms, self.pages.get, self.pages.__setitem__)
        return True


def test_an_event_enters_once() -> None:
    rows = Rows()
    assert rows.enter("a", 5)
    assert not rows.enter("a", 9)
    assert (rows.entry["count"], rows.entry["lastMs"]) == (1, 5)


def test_few_entries_need_no_page() -> None:
    rows = Rows()
    assert all(rows.enter(str(number)) for number in range(KEPT))
    assert rows.pages == {}


def test_a_thousand_entries_are_all_known_and_the_entry_is_small() -> None:
    rows = Rows()
    for number in range(1_000):
        assert rows.enter(str(number))
        assert len(rows.entry["events"]) <= KEPT
    assert not any(rows.enter(str(number)) for number in range(1_000))
    assert rows.entry["count"] == 1_000
