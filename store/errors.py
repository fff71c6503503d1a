"""What the store refuses, and why. Every error names the thing, the value and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from engine.problems import Problem


class StoreError(Exception):
    """The store refuses something; the message says what, and what to do."""


class InvalidInputError(StoreError, ValueError):
    """What was handed in has not the shape of a flow, node, edge or limit, or may not be set."""


class NotFoundError(StoreError, LookupError):
    """There is no such flow, node or edge."""


class InvalidFlowError(StoreError):
    """A flow that is not valid was to be published or applied; `problems` are all that is wrong with it."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        listed = "\n".join(f"  {found.path}: {found.message}" for found in self.problems)
        super().__init__(f"the flow {name!r} is not valid:\n{listed}")


class MigrationError(StoreError):
    """The tables are not what the migrations of this release made."""
