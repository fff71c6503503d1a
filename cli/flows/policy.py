"""The option `--policy`: what happens to running executions when a version is published, and whom it meets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

import asyncpg
import typer

from cli.output import note
from engine.flow import Flow
from store.executions import running_by_version


class Policy(StrEnum):
    """The policies of contract.md section 7."""

    PIN = "pin"
    MIGRATE = "migrate"
    EXIT = "exit"


PolicyOption = Annotated[
    Policy,
    typer.Option(
        "--policy",
        help="What happens to running executions: pin lets them end on their version, migrate has them go on by this "
        "one from their next input, exit ends them at once.",
    ),
]
_WHAT_HAPPENS: Final[Mapping[Policy, str]] = {
    Policy.PIN: "each ends on its own version",
    Policy.MIGRATE: "each goes on by the new version from its next input",
    Policy.EXIT: "each ends now",
}


async def tell_who_runs(pool: asyncpg.Pool, flow: Flow, policy: Policy) -> None:
    """Say, before a publish, how many executions it meets and what becomes of them."""
    running = await running_by_version(pool, flow.id)
    if running:
        versions = ", ".join(f"{count:,} on version {version}" for version, count in running.items())
        note(f"{sum(running.values()):,} executions of {flow.name!r} run ({versions}): {_WHAT_HAPPENS[policy]}")
