"""Which events a subject has had in the last seven days, so that the same event changes nothing twice.

A mark is 8 bytes of a hash of (source, id); two events of one subject share one with a chance of about n²/2⁶⁵.
Marks live in the subject's row, which is written with every event and so must stay small. A busy subject's older marks
move into sixteen pages by their first digit: looking one up reads one page, however busy the subject is.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from engine.types import Json

KEPT_MS: Final = 7 * 86_400_000
PAGE: Final = 256
"""Marks in the row, at most."""
Page = dict[str, int]
"""Mark → when it was noted, in milliseconds."""


def mark_of(source: str, event_id: str) -> str:
    """Return the mark of an event."""
    return blake2b(f"{source}\x1f{event_id}".encode(), digest_size=8).hexdigest()


class Seen:
    """The marks of one subject, over its row and its pages.

    Args:
        row: the subject's row; `seen` and `pages` in it are written here and nowhere else.
        page: reads the page of a number.
        write: writes a page, or deletes it where given None.
    """

    __slots__ = ("_page", "_row", "_write")

    def __init__(
        self,
        row: dict[str, Json],
        page: Callable[[int], Page | None],
        write: Callable[[int, Page | None], None],
    ) -> None:
        self._row = row
        self._page = page
        self._write = write

    def add(self, mark: str, now_ms: int) -> bool:
        """Note an event; return False where it was there already."""
        marks: Page = self._row.setdefault("seen", {})
        known = marks.get(mark)
        if known is not None and known + KEPT_MS > now_ms:
            return False
        number = page_of(mark)
        if number in self._row.get("pages", ()):
            found = (self._page(number) or {}).get(mark)
            if found is not None and found + KEPT_MS > now_ms:
                return False
        if len(marks) >= PAGE:
            marks = self._row["seen"] = self._turn(marks, now_ms)
        marks[mark] = now_ms
        return True

    def _turn(self, marks: Page, now_ms: int) -> Page:
        """Move marks into their pages, and return those that stay in the row."""
        fresh = _fresh(marks, now_ms)
        if len(fresh) <= PAGE // 2:
            return fresh
        by_page: dict[int, Page] = {number: {} for number in self._row.get("pages", ())}
        for mark, noted_ms in fresh.items():
            by_page.setdefault(page_of(mark), {})[mark] = noted_ms
        kept: list[int] = []
        for number, added in sorted(by_page.items()):
            page = {**_fresh(self._page(number) or {}, now_ms), **added}
            self._write(number, page or None)
            if page:
                kept.append(number)
        self._row["pages"] = kept
        return {}


def page_of(mark: str) -> int:
    """Return the number of the page that a mark belongs to."""
    return int(mark[0], 16)


def _fresh(marks: Page, now_ms: int) -> Page:
    return {mark: noted_ms for mark, noted_ms in marks.items() if noted_ms + KEPT_MS > now_ms}
