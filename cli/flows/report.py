"""Say what is wrong with flow files: a line a problem, errors before warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cli.documents import name_of
from cli.output import cell

Checked = Mapping[str, Any]
"""{file, isValid, errors, warnings}, as contract.md section 7 has it."""


def lines(checked: Checked) -> Iterator[str]:
    """Yield what is to be said of one file."""
    yield headline(checked)
    for kind in ("errors", "warnings"):
        for problem in checked[kind]:
            yield f"  {kind[:-1]:<7} {_place(problem)}{cell(problem['message'])}"


def headline(checked: Checked) -> str:
    """Say in one line how a file stands."""
    return f"{name_of(checked['file'])}: {_verdict(checked)}"


def refusal(all_checked: Iterable[Checked]) -> str:
    """Write what is wrong with the files that are refused."""
    return "\n".join(line for checked in all_checked if not checked["isValid"] for line in lines(checked))


def _verdict(checked: Checked) -> str:
    if not checked["isValid"]:
        return f"{len(checked['errors'])} to correct"
    return f"valid, {len(checked['warnings'])} to think about" if checked["warnings"] else "valid"


def _place(problem: Mapping[str, Any]) -> str:
    return f"{cell(problem['path'])}: " if problem.get("path") else ""
