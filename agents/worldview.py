"""What every worker knows whole: the published flows and limits, and the facts of campaigns, releases and users.

Read from compacted topics by `streams.compacted`; kept in memory only.
"""

from __future__ import annotations

import logging
from typing import cast

import orjson

from engine.matching import FlowTable, Index
from engine.types import Json
from streams.codecs import Poison
from streams.flow_records import apply_flow_record

log = logging.getLogger(__name__)

Row = dict[str, Json]


class PublishedFlows:
    """The flows and limits of `mal.flows`. A record that cannot be read changes nothing and is told in the log."""

    def __init__(self) -> None:
        self._table = FlowTable()

    def __len__(self) -> int:
        return len(self._table.snapshot().flows)

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take one record."""
        try:
            apply_flow_record(self._table, key, value)
        except Poison as error:
            # One bad record must not keep all other flows from running. `mal doctor` shows it, too.
            log.error("a record of mal.flows cannot be used: key %.200r: %s", key, error)  # noqa: TRY400 -- it says all

    def snapshot(self) -> Index:
        """Return the immutable index of now."""
        return self._table.snapshot()


class BroadcastEntities:
    """The facts rows of campaigns, releases and users, by row key; decoded when first asked for."""

    def __init__(self) -> None:
        self._rows: dict[str, bytes | Row] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def apply(self, key: bytes, value: bytes | None) -> None:
        """Take one record."""
        if value is None:
            self._rows.pop(key.decode(), None)
        else:
            self._rows[key.decode()] = value

    def get(self, key: str) -> Row | None:
        """Return a row, which must not be changed, or None."""
        row = self._rows.get(key)
        if isinstance(row, bytes):
            row = self._rows[key] = cast(Row, orjson.loads(row))
        return row
