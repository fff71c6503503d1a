"""The limits of users and workspaces (product.md section 2, Limits): what is set, and what holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Literal

import asyncpg
from pydantic import ValidationError

from engine.flow import Limits, LimitsRecord
from engine.holdout import Holdout
from engine.keys import Fault
from engine.limits import limits_in_force
from engine.message_faults import message_faults
from engine.problems import shown
from engine.setting_models import model_faults
from engine.types import Json
from store import changes, outbox
from store.errors import InvalidInputError
from store.pool import Pool, fetch_one
from store.shapes import check_id, check_json, from_json, to_json
from store.statements import statement

Kind = Literal["workspace", "user"]
NAMES = tuple(Limits.model_fields)
RULES: Final[Mapping[str, Callable[[Json, str], list[Fault]]]] = {
    "holdout": partial(model_faults, Holdout),
    "messages": message_faults,
}
"""Rules for all flows of a user or workspace → what is wrong with one."""


async def show(pool: Pool, kind: Kind, identity: str) -> dict[str, Json]:
    """Return {kind, id, maxActionsPerExecution, …}: what is set, else the default; `holdout`, `messages` where set."""
    row = await pool.fetchrow(statement("limits.get"), kind, identity)
    return _shown(kind, identity, None if row is None else record_of(row))


async def set_limits(
    pool: Pool,
    kind: Kind,
    identity: str,
    *,
    max_actions_per_execution: int | None = None,
    max_external_writes: int | None = None,
    max_contact_actions: int | None = None,
    holdout: Json = None,
    messages: Json = None,
    actor: str | None = None,
) -> dict[str, Json]:
    """Set limits of a user or workspace, each 1 … 10,000, and rules for all of its flows, as objects of the wire shape.

    None leaves one as it is. Return what holds, like `show`. They reach the workers by the outbox.

    Raises:
        InvalidInputError: a value is out of its range or no such rule, or nothing is given.
    """
    numbers = {
        "max_actions_per_execution": max_actions_per_execution,
        "max_external_writes": max_external_writes,
        "max_contact_actions": max_contact_actions,
    }
    rules = {"holdout": holdout, "messages": messages}
    check_id(kind, identity)
    check_json(f"id of a {kind}", identity)
    given = {name: value for name, value in numbers.items() if value is not None}
    ruled = {name: value for name, value in rules.items() if value is not None}
    if not given and not ruled:
        raise InvalidInputError("no limit is given; name at least one")
    try:
        Limits(**given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInputError(f"{first['loc'][0]} is {shown(first['input'])}; use 1 … 10,000") from error
    if faults := [message for name, value in ruled.items() for _path, message in RULES[name](value, name)]:
        raise InvalidInputError("; ".join(faults))
    async with pool.acquire() as connection, connection.transaction():
        values = [*numbers.values(), *(None if value is None else to_json(value) for value in rules.values())]
        record = record_of(await fetch_one(connection, statement("limits.set"), kind, identity, *values))
        await outbox.add(connection, outbox.limits_key(kind, identity), record)
        await changes.record(connection, actor, "limits.set", f"{kind}/{identity}", {**given, **ruled})
    return _shown(kind, identity, record)


def record_of(row: asyncpg.Record) -> LimitsRecord:
    """Read a row of automation_limits."""
    rules = {name: None if row[name] is None else from_json(row[name]) for name in RULES}
    return LimitsRecord.model_validate({**{name: row[name] for name in ("kind", "id", *NAMES)}, **rules})


def _shown(kind: str, identity: str, record: LimitsRecord | None) -> dict[str, Json]:
    rules = {} if record is None else {"holdout": record.holdout, "messages": record.messages}
    told = {name: rule.wire() for name, rule in rules.items() if rule is not None}
    return {"kind": kind, "id": identity, **limits_in_force(record, None).wire(), **told}
