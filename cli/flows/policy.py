"""The option `--policy`: what happens to running executions when a version is published."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from cli.errors import Refused


class Policy(StrEnum):
    """The policies of contract.md section 7."""

    PIN = "pin"
    MIGRATE = "migrate"
    EXIT = "exit"


PolicyOption = Annotated[
    Policy, typer.Option("--policy", help="What happens to running executions: pin lets them end on their version.")
]


def refuse_later(policy: Policy) -> None:
    """Refuse the policies that are not built yet, by name."""
    if policy is not Policy.PIN:
        raise Refused(f"--policy {policy}: not supported yet; only pin is")
