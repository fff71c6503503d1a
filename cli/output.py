"""The two ways a command answers: JSON lines for programs, tables for people. Everything else goes to stderr.

Nothing but the answer is ever written to stdout, and no colour where stdout is not a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line, and nothing else.")]

Answer = Mapping[str, Any]
NOT_A_TERMINAL_WIDTH = 100_000
"""A file or a pipe has no width: nothing is wrapped or cut there."""
CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
"""What events carry must not steer the terminal that shows it."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its heading, and how to read its cell from an answer."""

    heading: str
    read: Callable[[Answer], Any]


def field(name: str, heading: str | None = None) -> Column:
    """Make a column of a field of the answer."""
    return Column(heading or name, lambda answer: answer.get(name))


def print_json(answer: Answer) -> None:
    """Print one object as one line."""
    text = json.dumps(answer, ensure_ascii=sys.stdout.encoding.lower() != "utf-8", separators=(", ", ": "))
    sys.stdout.write(text + "\n")


def print_line(text: str) -> None:
    """Print a line of an answer for people."""
    sys.stdout.write(text + "\n")


def print_rows(answers: Iterable[Answer], columns: Sequence[Column], *, as_json: bool, empty: str) -> None:
    """Print answers as JSON lines or as one table.

    Args:
        answers: the objects.
        columns: how the table shows them.
        as_json: whether a program reads.
        empty: what people are told, on stderr, where there are none.
    """
    if as_json:
        for answer in answers:
            print_json(answer)
        return
    rows = list(answers)
    if not rows:
        note(empty)
        return
    table = Table(box=None, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column.heading, overflow="fold", header_style="bold")
    for answer in rows:
        table.add_row(*(Text(cell(column.read(answer))) for column in columns))
    console = _console()
    if console.is_terminal:
        console.print(table)
        return
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        print_line(line.rstrip())  # the last column is not filled up


def print_text(text: Text) -> None:
    """Print a styled line; the style is left out where stdout is not a terminal."""
    _console().print(text)


def cell(value: Any) -> str:
    """Write a value for people: nothing for None, JSON for what is no text, control characters visibly."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text.translate(CONTROL)


def shortened(text: str, most: int) -> str:
    """Cut a text to so many characters; a cut one ends in an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def note(text: str) -> None:
    """Tell the person at the terminal something that is not part of the answer."""
    typer.echo(text, err=True)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show a bar on stderr while something long runs; yields a function that moves it by n.

    Where stdout or stderr is no terminal there is no bar.
    """
    shown = sys.stdout.isatty() and sys.stderr.isatty()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda n: bar.advance(task, n)


def _console() -> Console:
    width = None if sys.stdout.isatty() else NOT_A_TERMINAL_WIDTH
    return Console(file=sys.stdout, highlight=False, markup=False, emoji=False, width=width, soft_wrap=False)
