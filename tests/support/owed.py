"""What the author of a new node type is told where the tests want cases of it."""

from __future__ import annotations

from collections.abc import Iterable

CASES_OWED = 3


def check_cases(name: str, cases: Iterable[str], *, place: str, shape: str) -> None:
    """Fail where a node type has fewer than three cases, saying what to add and where.

    Args:
        name: of the node type.
        cases: the node type of each case there is.
        place: the table that takes a case, and its file.
        shape: of a case.
    """
    number = sum(case == name for case in cases)
    assert number >= CASES_OWED, (
        f"{name} has {number} of the {CASES_OWED} cases that every node type is tested with: "
        f"add {CASES_OWED - number} to {place}, each ({shape})"
    )
