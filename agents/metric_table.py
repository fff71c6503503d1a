"""Every metric of ours as one table: what Prometheus is told, by `mal worker` and by `mal audit`.

Base units, `_total` for what only rises, and no contact, event or execution in a label. docs/operations.md names all of
them; a test keeps both in step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, Protocol, get_args

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from agents.tally import Distribution
from engine.types import ExecutionStatus
from streams.codecs import Fault
from streams.topics import AUDITED_TOPICS, INPUT_TOPICS

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its full name, what kind it is, what it says, and its labels.

    `known` are the values of labels that are told from the start, as 0: a rule that asks how much a counter has risen
    does not see the rise of one that was not there before.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    known: tuple[tuple[str, ...], ...] = ()


def _counter(name: str, text: str, *labels: str, known: Iterable[tuple[str, ...]] = ()) -> Metric:
    return Metric(name, "counter", text, labels, tuple(known))


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(name, "gauge", text, labels)


def _histogram(name: str, text: str) -> Metric:
    return Metric(name, "histogram", text)


_ENDED: Final = (
    ExecutionStatus.SUCCEEDED,
    ExecutionStatus.FAILED,
    ExecutionStatus.PARTIAL,
    ExecutionStatus.CANCELLED,
)

WORKER: Final = (
    _counter(
        "mal_records_total", "Records decided and committed, by input topic.",
        "topic", known=product(INPUT_TOPICS),
    ),
    _counter("mal_records_skipped_total", "Records without a value: nothing to decide."),
    _counter("mal_records_rekeyed_total", "Events sent on to the shard of their subject."),
    _counter(
        "mal_dead_letters_total", "Records that could not be read, by topic and reason.",
        "topic", "reason", known=product(INPUT_TOPICS, get_args(Fault)),
    ),
    _counter("mal_executions_started_total", "Executions that started: events that matched a flow.", "origin"),
    _counter(
        "mal_executions_ended_total", "Executions that ended; one that is retried ends again.",
        "status", known=product(_ENDED),
    ),
    _counter(
        "mal_decisions_total", "What was suppressed, held or counted on the feed, and why.",
        "decision", "reason", known=[("suppressed", "unscoped")],
    ),
    _counter("mal_commands_total", "Attempts at commands, by type.", "type"),
    _counter("mal_timers_fired_total", "Waits that were over, and slots of schedules, decided."),
    _counter("mal_attempts_put_off_total", "Attempts put off because their system only fails."),
    _counter("mal_clock_held_total", "Times a shard went on without an input that lagged for 30 s."),
    _histogram("mal_unit_duration_seconds", "From the first decision of a unit until it was committed."),
    _histogram("mal_event_latency_seconds", "From the timestamp of an input until what came of it was committed."),
    _histogram("mal_restore_duration_seconds", "From an assignment until its shards were restored."),
    _counter("mal_restored_records_total", "Records of changelogs read to restore shards."),
    _gauge("mal_shards_owned", "Shards this worker works on; 0 in reserve and during a rebalance."),
    _gauge("mal_flows_loaded", "Flows this worker has read from mal.flows."),
    _gauge("mal_consumer_lag_records", "Offsets still to be decided, as of Kafka's last answer.", "shard"),
    _gauge("mal_consumer_unstable_records", "Offsets nobody can read yet: a transaction is open.", "shard"),
    _gauge("mal_executions_waiting", "Executions kept: running, paused, or failed and open to a retry.", "shard"),
    _gauge("mal_timers_waiting", "Timers in memory, also those whose wait ended otherwise.", "shard"),
    _gauge("mal_timers_due", "Timers that are due and not fired, counted up to 10,000.", "shard"),
    _gauge("mal_timer_lateness_seconds", "How long the earliest timer is due.", "shard"),
    _gauge("mal_breakers_open", "Shards that find a system only failing.", "system"),
    _gauge("mal_live", "1 while /health/live says so."),
    _gauge("mal_ready", "1 while /health/ready says so."),
)  # fmt: skip

AUDIT: Final = (
    _counter("mal_audit_records_written_total", "Records of the log written to Postgres, by topic.", "topic"),
    _counter("mal_audit_rows_written_total", "Rows put into Postgres, by table.", "table"),
    _counter(
        "mal_audit_records_foreign_total", "Records that were not ours and were skipped, by topic.",
        "topic", known=product(AUDITED_TOPICS),
    ),
    _gauge("mal_audit_lag_records", "Offsets not written yet, by topic.", "topic"),
    _gauge("mal_audit_last_commit_timestamp_seconds", "When the audit last committed, in Unix time; 0: not yet."),
    _gauge("mal_audit_postgres_away", "1 while Postgres, or Kafka, fails and the audit tries again."),
    _gauge("mal_live", "1 while /health/live says so."),
    _gauge("mal_ready", "1 while /health/ready says so."),
)  # fmt: skip

Samples = Mapping[tuple[str, ...], float] | float | Distribution
"""What a metric says now: a value for each combination of labels, one where it has none, or a distribution."""


def by_label(counts: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    """Return counts as the samples of a metric with one label."""
    return {(name,): count for name, count in counts.items()}


class Figures(Protocol):
    """Something whose figures can be read."""

    def figures(self) -> Mapping[str, Samples]:
        """Return what each metric says now, by its name."""


class TableCollector(Collector):
    """Makes what Prometheus is told from the table and the figures of now, each time it asks.

    Args:
        metrics: which.
        read: returns the figures of each, by name.
    """

    def __init__(self, metrics: Sequence[Metric], read: Figures) -> None:
        self._metrics = metrics
        self._read = read

    def collect(self) -> Iterator[Family]:
        """Yield every metric."""
        figures = self._read.figures()
        for metric in self._metrics:
            yield _family(metric, figures[metric.name])


def new_registry(metrics: Sequence[Metric], read: Figures) -> CollectorRegistry:
    """Return a registry with these metrics and those of the process itself (memory, CPU, files, garbage)."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    registry.register(TableCollector(metrics, read))
    return registry


def _family(metric: Metric, samples: Samples) -> Family:
    if isinstance(samples, Distribution):
        family = HistogramMetricFamily(metric.name, metric.help)
        family.add_metric([], *_cumulated(samples))
        return family
    made = (
        CounterMetricFamily(metric.name.removesuffix("_total"), metric.help, labels=metric.labels)
        if metric.kind == "counter"
        else GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    )
    by_labels: dict[tuple[str, ...], float] = dict.fromkeys(metric.known, 0.0)
    by_labels.update(samples if isinstance(samples, Mapping) else {(): samples})
    for labels, value in by_labels.items():
        made.add_metric(labels, value)
    return made


def _cumulated(samples: Distribution) -> tuple[list[tuple[str, float]], float]:
    upto = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip((*samples.bounds, float("inf")), samples.counts, strict=True):
        upto += count
        buckets.append(("+Inf" if bound == float("inf") else str(bound), upto))
    return buckets, samples.total
