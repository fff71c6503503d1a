"""What a worker's metrics say now: from its tally, its shards, and what Kafka last said. Reads; changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from agents.figures import ShardFigures, by_shard
from agents.health import Health
from agents.metric_table import Samples, by_label
from agents.shards import Shards
from agents.tally import Tally
from engine.systems import SYSTEMS
from streams.batching.host import Unread


class WorkerFigures:
    """The figures of one worker.

    Args:
        tally: what its shards have done.
        shards: that are at work.
        unread: what Kafka last said is still to be read.
        flows: how many flows it has read.
        health: whether it is well.
    """

    def __init__(
        self, tally: Tally, shards: Shards, unread: Callable[[], Unread], flows: Callable[[], int], health: Health
    ) -> None:
        self._tally = tally
        self._shards = shards
        self._unread = unread
        self._flows = flows
        self._health = health

    def figures(self) -> Mapping[str, Samples]:
        """Return what each metric of `metric_table.WORKER` says now."""
        return {
            **self._counted(),
            **self._standing(self._shards.figures(), self._unread()),
            "mal_flows_loaded": self._flows(),
            "mal_live": self._health.why_not_live() is None,
            "mal_ready": self._health.why_not_ready() is None,
        }

    def _counted(self) -> dict[str, Samples]:
        tally, counts = self._tally, self._tally.counts
        return {
            "mal_records_total": by_label(tally.records),
            "mal_records_skipped_total": counts["skipped"],
            "mal_records_rekeyed_total": counts["rekeyed"],
            "mal_dead_letters_total": _by_two(tally.dead_letters),
            "mal_executions_started_total": by_label(tally.started),
            "mal_executions_ended_total": by_label(tally.ended),
            "mal_decisions_total": _by_two(tally.decisions),
            "mal_commands_total": by_label(tally.commands),
            "mal_timers_fired_total": counts["timers"] + counts["slots"],
            "mal_attempts_put_off_total": counts["attempts_put_off"],
            "mal_clock_held_total": counts["clock_held"],
            "mal_unit_duration_seconds": tally.units,
            "mal_event_latency_seconds": tally.latency,
            "mal_restore_duration_seconds": tally.restores,
            "mal_restored_records_total": counts["restored_records"],
        }

    @staticmethod
    def _standing(shards: list[ShardFigures], unread: Unread) -> dict[str, Samples]:
        readable, unstable = by_shard(unread.readable), by_shard(unread.unstable)
        failing = Counter(system for shard in shards for system in shard.kept.open_breakers)
        kept = {(str(shard.number),): shard for shard in shards}
        return {
            "mal_shards_owned": len(shards),
            "mal_consumer_lag_records": {
                labels: shard.buffered + readable[shard.number] + unstable[shard.number]
                for labels, shard in kept.items()
            },
            "mal_consumer_unstable_records": {labels: unstable[shard.number] for labels, shard in kept.items()},
            "mal_executions_waiting": {labels: shard.rows.get("executions", 0) for labels, shard in kept.items()},
            "mal_timers_waiting": {labels: shard.kept.timers for labels, shard in kept.items()},
            "mal_timers_due": {labels: shard.kept.timers_due for labels, shard in kept.items()},
            "mal_timer_lateness_seconds": {labels: shard.kept.late_ms / 1000 for labels, shard in kept.items()},
            "mal_breakers_open": {(system.name,): failing[system.name] for system in SYSTEMS},
        }


def _by_two(counts: Counter[tuple[str, str]]) -> dict[tuple[str, ...], float]:
    return {(first, second): count for (first, second), count in counts.items()}
