"""What one subject has to do with one flow: which events entered (each once, ever), and which executions run.

The newest marks live in the entry itself, which is written with every entry and so must stay small. Older ones move
into pages by the first digits of the mark, so that looking one up reads a single page, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.types import ExecutionId, Json

KEPT: Final = 64
"""Marks in the entry; few subjects enter a flow more often than that."""
PAGE_DIGITS: Final = 2

Entry = dict[str, Json]
Page = dict[str, Json]


def new_entry() -> Entry:
    """Return the entry of a subject that never entered the flow."""
    return {"count": 0, "lastMs": 0, "events": [], "running": []}


def enter(
    entry: Entry, mark: str, now_ms: int, page: Callable[[str], Page | None], write: Callable[[str, Page], None]
) -> bool:
    """Note that an event enters; return False, and change nothing, where it did before.

    Args:
        entry: of the subject and the flow; changed here and nowhere else.
        mark: of the event (`seen.mark_of`).
        now_ms: log time.
        page: reads a page by name.
        write: writes a page.
    """
    marks: list[str] = entry["events"]
    if mark in marks:
        return False
    if entry.get("paged") and mark in (page(mark[:PAGE_DIGITS]) or {"events": ()})["events"]:
        return False
    if len(marks) >= KEPT:
        _turn(marks, page, write)
        entry["events"] = marks = []
        entry["paged"] = True
    marks.append(mark)
    entry["count"] += 1
    entry["lastMs"] = now_ms
    return True


def note_running(entry: Entry, execution: ExecutionId, *, is_running: bool) -> bool:
    """Note whether an execution runs, the oldest first; say whether that changed the entry."""
    running: list[str] = entry["running"]
    if (execution in running) == is_running:
        return False
    if is_running:
        running.append(execution)
    else:
        running.remove(execution)
    return True


def _turn(marks: list[str], page: Callable[[str], Page | None], write: Callable[[str, Page], None]) -> None:
    pages: dict[str, list[str]] = {}
    for mark in marks:
        pages.setdefault(mark[:PAGE_DIGITS], []).append(mark)
    for name, added in pages.items():
        older = page(name) or {"events": []}
        write(name, {"events": [*older["events"], *added]})
