"""Whose limits are meant: the options `--user` and `--workspace`, of which one is given."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli.errors import WrongUsage

UserOption = Annotated[str | None, typer.Option("--user", metavar="U", help="The limits of this user.")]
WorkspaceOption = Annotated[str | None, typer.Option("--workspace", metavar="W", help="The limits of this workspace.")]

Kind = Literal["workspace", "user"]


def one_of(user: str | None, workspace: str | None) -> tuple[Kind, str]:
    """Return which kind is meant, and its id.

    Raises:
        WrongUsage: none or both are given, or an empty id.
    """
    if bool(user) == bool(workspace):
        raise WrongUsage("give one of --user and --workspace")
    return ("user", user) if user else ("workspace", workspace or "")
