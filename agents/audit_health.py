"""Whether an audit gets on, and what its metrics say. Looked at now and then; nothing here moves anything.

It lives as long as it writes what there is, or says that it waits for Postgres: a new start would not bring that back.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from aiokafka.errors import KafkaError

from agents.audit_reader import AuditReader
from agents.metric_table import Samples, by_label

LOOK_SECONDS: Final = 5.0
TOLD_EVERY: Final = 6
"""Of so many looks the lag of one goes into the log."""
STALL_SECONDS: Final = 90.0
"""So long there may be something to write and nothing is written; Postgres ends a transaction after 60."""

log = logging.getLogger("mal.audit")


class AuditHealth:
    """The health of one audit, and its figures.

    Args:
        clock: seconds that only rise.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.reader: AuditReader | None = None
        """Of the audit; None until it has connected to Postgres."""
        self.is_stopping = False
        self.lags: Mapping[str, int] = {}
        self._clock = clock
        self._well_at = clock()
        self._commits = 0

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        looks = 0
        while True:
            await self.look()
            if looks % TOLD_EVERY == 0 and self.lags:
                behind = ", ".join(f"{lag} of {topic}" for topic, lag in sorted(self.lags.items()))
                log.info("to be written: %s", behind)
            looks += 1
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Note whether something was written since the last look, and what is still to be written."""
        reader = self.reader
        if reader is None:
            self._well_at = self._clock()
            return
        try:
            self.lags = await reader.lag()
            is_idle = not self.lags
        except KafkaError as error:
            log.warning("the lag is not known: %s", error)
            is_idle = False
        if is_idle or reader.is_away or reader.tally.commits != self._commits:
            self._well_at = self._clock()
        self._commits = reader.tally.commits

    def why_not_live(self) -> str | None:
        """Return what does not get on."""
        seconds = self._clock() - self._well_at
        if seconds <= STALL_SECONDS:
            return None
        return f"nothing was written for {seconds:.0f} s: {sum(self.lags.values())} offsets wait, or Kafka is silent"

    def why_not_ready(self) -> str | None:
        """Return why nothing is written now."""
        if self.is_stopping:
            return "it is stopping"
        if self.reader is None:
            return "Postgres cannot be reached"
        if not self.reader.is_ready:
            return "its partitions are not assigned and their positions not known yet"
        if self.reader.is_away:
            return "what was read cannot be written now; the log says why"
        return None

    def figures(self) -> Mapping[str, Samples]:
        """Return what each metric of `metric_table.AUDIT` says now."""
        reader = self.reader
        return {
            "mal_audit_records_written_total": by_label(reader.tally.records) if reader else {},
            "mal_audit_rows_written_total": by_label(reader.tally.rows) if reader else {},
            "mal_audit_records_foreign_total": by_label(reader.tally.foreign) if reader else {},
            "mal_audit_lag_records": by_label(self.lags),
            "mal_audit_last_commit_timestamp_seconds": reader.tally.committed_at if reader else 0,
            "mal_audit_postgres_away": reader is None or reader.is_away,
            "mal_live": self.why_not_live() is None,
            "mal_ready": self.why_not_ready() is None,
        }
