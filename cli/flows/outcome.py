"""How the commands that change flows answer: {id, name, version, changed} for each flow."""

from __future__ import annotations

from collections.abc import Sequence

from cli.output import Answer, Column, field

ACTOR = "cli"
"""Who made a change, in the record of changes."""


def columns(done: str, *, with_version: bool = False) -> Sequence[Column]:
    """Make the columns that tell people what became of flows.

    Args:
        done: what was done to a flow that changed, like `archived`.
        with_version: whether the version says more of it.
    """

    def read(answer: Answer) -> str:
        if not answer["changed"]:
            return "unchanged"
        return f"{done} v{answer['version']}" if with_version else done

    return (field("id", "flow"), field("name"), Column("changed", read))
