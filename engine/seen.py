"""Which events a subject has had in the last seven days, so that the same event changes nothing twice.

A mark is 8 bytes of a hash of (source, id); two events of one subject share one with a chance of about n²/2⁶⁵.
Marks live in the subject's row. A busy subject's older marks move into pages of their own, so that the row that is
written with every event stays small.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from engine.types import Json

KEPT_MS: Final = 7 * 86_400_000
PAGE: Final = 256
Page = dict[str, int]


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
        pages: list[list[int]] = self._row.get("pages", [])
        for number, _last in pages:
            found = (self._page(number) or {}).get(mark)
            if found is not None and found + KEPT_MS > now_ms:
                return False
        if len(marks) >= PAGE:
            self._turn(marks, pages, now_ms)
            marks = self._row["seen"]
        marks[mark] = now_ms
        return True

    def _turn(self, marks: Page, pages: list[list[int]], now_ms: int) -> None:
        for number, last in pages:
            if last + KEPT_MS <= now_ms:
                self._write(number, None)
        pages = [page for page in pages if page[1] + KEPT_MS > now_ms]
        fresh = {mark: at for mark, at in marks.items() if at + KEPT_MS > now_ms}
        if len(fresh) > PAGE // 2:
            number = pages[-1][0] + 1 if pages else 1
            self._write(number, fresh)
            pages.append([number, max(fresh.values())])
            fresh = {}
        self._row["pages"] = pages
        self._row["seen"] = fresh
