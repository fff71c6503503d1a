"""What the lists of executions and of decisions are narrowed by, and what a person is told where nothing is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import asyncpg
import typer

from cli.flows.finding import no_such_flow
from cli.output import Column, cell, shortened
from cli.times import moment
from store.decisions import knows_subject
from store.executions import flow_names
from store.flows import FlowStore

NAME_CHARS = 30
SUBJECT_CHARS = 26
"""So much of a name and of a subject fits beside the rest into 120 columns."""


def _since(text: str) -> datetime:
    try:
        return moment(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


FlowOption = Annotated[
    str | None, typer.Option("--flow", metavar="FLOW", help="Only those of this flow, by id or name.")
]
SubjectOption = Annotated[
    str | None, typer.Option("--subject", metavar="ID", help="Only those about this contact, campaign …")
]
SinceOption = Annotated[
    datetime | None, typer.Option("--since", parser=_since, metavar="T", help="Only since: RFC 3339, or 7d, 12h ago.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, metavar="N", help="At most so many.")]


class Narrowing:
    """One flow and one subject, where given. Knows what to say of them where nothing is found."""

    def __init__(self, pool: asyncpg.Pool, flow: str | None, subject: str | None) -> None:
        self._pool = pool
        self._flow = flow
        self._subject = subject
        self._unknown: list[str] = []

    async def flow_ids(self) -> Sequence[str] | None:
        """Return the id itself and that of every flow of this name, None where no flow was given."""
        if self._flow is None:
            return None
        flows = FlowStore(self._pool)
        found = await flows.find_flows(self._flow)
        if not found:
            self._unknown.append(await no_such_flow(flows, self._flow))
        return sorted({self._flow, *(flow.id for flow in found)})

    async def why_nothing(self, otherwise: str) -> str:
        """Say why a list is empty: the flow or the subject is not known, else `otherwise`."""
        if self._subject is not None and not await knows_subject(self._pool, self._subject):
            self._unknown.append(f"nothing is recorded about {self._subject!r}, as far as `mal audit` has written")
        return "\n".join(self._unknown) or otherwise


async def names_of(pool: asyncpg.Pool, answers: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the names of the flows of answers, by id."""
    return await flow_names(pool, (answer["flowId"] for answer in answers if answer["flowId"]))


def flow_column(names: Mapping[str, str]) -> Column:
    """Make the column of the flow's name; its id where it has none any more."""

    def read(answer: Mapping[str, Any]) -> str:
        flow_id = answer.get("flowId")
        return shortened(cell(names.get(str(flow_id), flow_id)), NAME_CHARS)

    return Column("flow", read)


def subject_cell(answer: Mapping[str, Any]) -> str:
    """Write whom or what it is about."""
    subject = answer.get("subject") or {}
    return shortened(f"{cell(subject.get('type'))} {cell(subject.get('id'))}".strip(), SUBJECT_CHARS)
