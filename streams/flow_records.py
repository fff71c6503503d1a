"""Folds the records of `mal.flows` into the table of published flows: versions, heads and limits, by their keys.

The keys are `flowId/version`, `flowId/head` and `limits/<kind>/<id>`; the outbox of the store writes them.
"""

from __future__ import annotations

import re
from typing import Final, TypeVar

from pydantic import ValidationError

from engine.flow import FlowHead, FlowVersion, LimitsRecord
from engine.matching import FlowTable
from engine.plan import PlanError
from engine.types import FlowId, scope_of
from engine.wire import Wire
from engine.wording import first_fault, plain
from streams.codecs import Poison

HEAD: Final = "head"
LIMITS: Final = "limits/"
_NUMBER: Final = re.compile(r"[0-9]{1,18}")

M = TypeVar("M", bound=Wire)


def apply_flow_record(table: FlowTable, key: bytes, value: bytes | None) -> None:
    """Fold one record of `mal.flows`; None is a tombstone.

    Raises:
        Poison: the record cannot be read, or its version cannot be compiled. The table stays as it was; a flow goes on
            with its other versions.
    """
    name = _name(key)
    if name.startswith(LIMITS):
        _apply_limits(table, name, value)
        return
    flow_id, what = _parts(name)
    if what == HEAD:
        if value is None:
            table.drop_head(flow_id)
        else:
            table.put_head(read_record(FlowHead, key, value))
    elif value is None:
        table.drop_version(flow_id, int(what))
    else:
        try:
            table.put_version(read_record(FlowVersion, key, value))
        except PlanError as error:
            raise Poison(f"{name:.200} cannot be run: {error}") from error


def read_record(model: type[M], key: bytes, value: bytes) -> M:
    """Read the value of a record of `mal.flows`.

    Raises:
        Poison: it has not the shape of its key.
    """
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        where, first = first_fault(error, "its value")
        raise Poison(f"{key.decode():.200} is no {model.__name__}: {where}: {plain(first)}") from error


def _apply_limits(table: FlowTable, name: str, value: bytes | None) -> None:
    _, kind, identity = (*name.split("/", 2), "")[:3]
    scope = {"workspace": scope_of(None, identity), "user": scope_of(identity, None)}.get(kind)
    if scope is None:
        raise Poison(f"{name!r:.80} is no key of limits; those are limits/workspace/ID and limits/user/ID")
    if value is None:
        table.drop_limits(scope)
    else:
        table.put_limits(read_record(LimitsRecord, name.encode(), value))


def _name(key: bytes) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError as error:
        raise Poison(f"{key!r:.80} is no key of mal.flows: it is no UTF-8") from error


def _parts(name: str) -> tuple[FlowId, str]:
    flow_id, slash, what = name.rpartition("/")
    if not slash or not flow_id or not (what == HEAD or _NUMBER.fullmatch(what)):
        raise Poison(f"{name!r:.80} is no key of mal.flows; those are FLOW/VERSION, FLOW/head and limits/KIND/ID")
    return FlowId(flow_id), what
