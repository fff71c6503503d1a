"""`mal flows validate`: check flow files. Needs no service, and loads no driver."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.errors import REFUSED
from cli.flow_files import check
from cli.flows.report import lines
from cli.output import AsJson, print_json, print_line


def command(
    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Flow files, YAML or JSON; - is stdin.")],
    as_json: AsJson = False,
) -> None:
    """Check flow files and print every problem with its node, key and value. Exits 1 where one has an error.

    Warnings refuse nothing.
    """
    invalid = False
    for file in files:
        checked = check(file).report
        invalid = invalid or not checked["isValid"]
        if as_json:
            print_json(checked)
        else:
            for line in lines(checked):
                print_line(line)
    if invalid:
        raise typer.Exit(REFUSED)
