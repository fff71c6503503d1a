"""The entry point `mal`. Knows the root of the command table and nothing of any command."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from cli.lazy import LazyGroup
from cli.tree import COMMANDS


class Mal(LazyGroup):
    """The root group; its commands are loaded when they are named."""

    table = COMMANDS


app = typer.Typer(
    name="mal",
    cls=Mal,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        typer.echo(version("tap-automations"))
    except PackageNotFoundError:
        typer.echo("not installed")
    raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """TAP Automations: flows that react to what happens in TotalAudio Promo.

    Services are found in the environment (MAL_KAFKA_BOOTSTRAP_SERVERS, MAL_POSTGRES_DSN), else in
    services.json in MAL_DATA_DIR, which `mal up` writes. Exit: 0 done, 1 refused or failed, 2 wrong usage.
    """


if __name__ == "__main__":
    app(prog_name="mal")
