"""How `mal executions pause|resume|cancel|retry` work: ask, wait for the workers, say how it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from cli.errors import Refused
from cli.executions.finding import execution_id_of
from cli.kafka import kafka_errors
from cli.output import field, print_rows
from cli.postgres import postgres
from cli.settings import find_settings, kafka_address
from engine.types import ExecutionId, Subject, Verb
from store import executions
from streams.controls import NotAppliedError, control_execution

COLUMNS = (field("executionId", "execution"), field("status"), field("endReason", "reason"))
_TOO_LATE: Final[Mapping[str, str]] = {
    "not_running": "it has ended, and can only be retried where it failed",
    "not_failed": "only an execution that ended because steps failed can be retried, for 30 days",
    "archived": "its flow is archived",
}


def control(verb: Verb, execution: str, *, as_json: bool) -> None:
    """Ask something of an execution, and print how it stands once a worker has decided it.

    Raises:
        Refused: there is no such execution, it is too late for that, or no worker decided it within ten seconds.
    """
    told = asyncio.run(_control(verb, execution))
    answer = {name: told.get(name) for name in ("executionId", "status", "endReason")}
    print_rows([answer], COLUMNS, as_json=as_json, empty="")


async def _control(verb: Verb, execution: str) -> Mapping[str, Any]:
    settings = find_settings()
    kafka_address(settings)  # before anything is asked of Postgres
    async with postgres(settings) as pool:
        execution = await execution_id_of(pool, execution)
        known = await executions.find(pool, execution)
    if known is None:
        raise Refused(
            f"no execution {execution!r}, as far as `mal audit` has written; `mal executions list` shows what there is"
        )
    with kafka_errors(settings):
        try:
            told = await control_execution(
                settings.kafka_client(), verb, ExecutionId(execution), Subject(**known["subject"]),
                user_id=known["userId"], workspace_id=known["workspaceId"],
            )  # fmt: skip
        except NotAppliedError as error:
            raise Refused(str(error)) from error
    if "decision" in told:
        raise Refused(f"{verb} of execution {execution} was not done: {_TOO_LATE[told['reason']]}")
    return told
