"""What one subject has to do with one flow: which events entered (each once, ever), which executions
run, and when it was sent messages.

The newest marks live in the entry itself, which is written with every entry and so must stay small. Older ones move
into pages by the first digits of the mark, so that looking one up reads a single page, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal

from engine.message_rules import MOST_MESSAGES, MOST_SECONDS
from engine.types import ExecutionId, FlowId, Json

KEPT: Final = 64
"""Marks in the entry; few subjects enter a flow more often than that."""
PAGE_DIGITS: Final = 2

MOST_RUNNING: Final = 10_000
"""Executions of a subject in a flow at one time, as many as `maxRunning` may say: the row has the ids of all."""
MOST_RUNNING_IN_ALL: Final = 10 * MOST_RUNNING
"""Executions of a subject in all flows together."""

Entry = dict[str, Json]
Page = dict[str, Json]
Marks = Literal["events", "values", "counted"]
"""Which marks: of the events that entered, of the values that `once_per` counts by, or of countdowns."""

ReadPage = Callable[[str], Page | None]
WritePage = Callable[[str, Page], None]


def new_entry() -> Entry:
    """Return the entry of a subject that never entered the flow."""
    return {"count": 0, "lastMs": 0, "events": [], "running": []}


def entered(entry: Entry, mark: str, page: ReadPage) -> bool:
    """Whether an event entered before."""
    return has_mark(entry, "events", mark, page)


def enter(entry: Entry, mark: str, now_ms: int, page: ReadPage, write: WritePage) -> None:
    """Note that an event enters, which did not before.

    Args:
        entry: of the subject and the flow; changed here and nowhere else.
        mark: of the event (`seen.mark_of`).
        now_ms: log time.
        page: reads a page by name.
        write: writes a page.
    """
    add_mark(entry, "events", mark, page, write)
    entry["count"] += 1
    entry["lastMs"] = now_ms


def has_mark(entry: Entry, marks: Marks, mark: str, page: ReadPage) -> bool:
    """Whether a mark is there, in the entry or in its page."""
    if mark in entry.get(marks, ()):
        return True
    paged = entry.get(_PAGED[marks])
    return bool(paged) and mark in (page(_page_name(marks, mark)) or {"events": ()})["events"]


def add_mark(entry: Entry, marks: Marks, mark: str, page: ReadPage, write: WritePage) -> None:
    """Add a mark that is not there yet."""
    kept: list[str] = entry.setdefault(marks, [])
    if len(kept) >= KEPT:
        _turn(marks, kept, page, write)
        entry[marks] = kept = []
        entry[_PAGED[marks]] = True
    kept.append(mark)


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


def is_full(entries: Mapping[str, Entry], entry: Entry) -> bool:
    """Whether so many executions of a subject run that no other may start in a flow.

    Args:
        entries: of the subject, by flow.
        entry: the flow's among them.
    """
    if len(entry["running"]) >= MOST_RUNNING:
        return True
    # Few subjects are in so many flows that these could hold more together.
    in_all = (
        sum(len(one["running"]) for one in entries.values()) if len(entries) * MOST_RUNNING > MOST_RUNNING_IN_ALL else 0
    )
    return in_all >= MOST_RUNNING_IN_ALL


def sent_to(entries: Mapping[str, Entry] | None) -> dict[FlowId, list[int]]:
    """Return when a subject was sent messages, by flow, in wall time."""
    return {FlowId(flow_id): entry["sent"] for flow_id, entry in (entries or {}).items() if "sent" in entry}


def note_sent(entry: Entry, sent_ms: Sequence[int], now_ms: int) -> None:
    """Note when messages are sent; no more than a cap can ask about is kept."""
    kept = [at_ms for at_ms in (*entry.get("sent", ()), *sent_ms) if now_ms - at_ms < MOST_SECONDS * 1000]
    entry["sent"] = kept[-MOST_MESSAGES:]


def _turn(marks: Marks, kept: list[str], page: ReadPage, write: WritePage) -> None:
    pages: dict[str, list[str]] = {}
    for mark in kept:
        pages.setdefault(_page_name(marks, mark), []).append(mark)
    for name, added in pages.items():
        older = page(name) or {"events": []}
        write(name, {"events": [*older["events"], *added]})


def _page_name(marks: Marks, mark: str) -> str:
    return f"{_PAGE_PREFIX[marks]}{mark[:PAGE_DIGITS]}"


_PAGED: Final = {"events": "paged", "values": "pagedValues", "counted": "pagedCounted"}
_PAGE_PREFIX: Final = {"events": "", "values": "v", "counted": "c"}
