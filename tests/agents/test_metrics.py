"""What Prometheus is told: every metric of the table, and nothing else; where health is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast, get_args

import pytest
from aiohttp import ClientSession
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agents.audit_health import AuditHealth
from agents.audit_reader import AuditReader, AuditTally
from agents.figures import ProgramFigures, ShardFigures
from agents.health import serving
from agents.metric_table import AUDIT, WORKER, Figures, Metric, new_registry
from agents.shards import Shards
from agents.tally import Tally
from agents.worker_metrics import WorkerFigures
from dev.ports import free_port
from streams.batching.host import TP, Unread
from streams.codecs import Fault
from streams.readiness import HealthAddressError
from streams.topics import INPUT_TOPICS

ALLOWED_LABELS = {"topic", "reason", "origin", "status", "decision", "type", "shard", "system", "table"}


class Well:
    """Health that says what a test wants it to."""

    def __init__(self) -> None:
        self.wrong: str | None = None

    def why_not_live(self) -> str | None:
        return self.wrong

    def why_not_ready(self) -> str | None:
        return self.wrong


class Working:
    """Two shards at work."""

    def figures(self) -> list[ShardFigures]:
        kept = ProgramFigures(timers=9, timers_due=2, late_ms=1_500, open_breakers=("cmg",))
        rows = {"executions": 4, "subjects": 7}
        return [ShardFigures(0, buffered=5, rows=rows, kept=kept), ShardFigures(1, kept=kept)]


def worker() -> WorkerFigures:
    tally = Tally()
    tally.records["tap.cmg.events"] += 3
    tally.dead_letters["tap.cmg.events", "not_json"] += 1
    tally.decisions["suppressed", "cooldown"] += 2
    tally.units.add(0.03)
    unread = Unread({TP("a", 0): 10, TP("b", 0): 1}, {TP("a", 0): 100}, 0)
    return WorkerFigures(tally, cast(Shards, Working()), lambda: unread, lambda: 6, Well())


def audit() -> AuditHealth:
    class Reader:
        tally = AuditTally(committed_at=12.5)
        is_away = True
        is_ready = True

    health = AuditHealth()
    health.reader = cast(AuditReader, Reader())
    health.lags = {"mal.executions": 8}
    Reader.tally.rows["automation_executions"] += 1
    return health


def told(metrics: Sequence[Metric], read: Figures) -> dict[str, dict[tuple[str, ...], float]]:
    """Return what Prometheus reads, by the names of samples and the values of labels in the order of their names."""
    text = generate_latest(new_registry(metrics, read)).decode()
    return {
        sample.name: {
            tuple(value for _, value in sorted(one.labels.items())): one.value
            for one in family.samples
            if one.name == sample.name
        }
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }  # fmt: skip


@pytest.mark.parametrize(("metrics", "read"), [(WORKER, worker()), (AUDIT, audit())])
def test_every_metric_of_the_table_has_its_figures_and_none_has_more(metrics: Sequence[Metric], read: Figures) -> None:
    assert set(read.figures()) == {metric.name for metric in metrics}
    for metric in metrics:
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert set(metric.labels) <= ALLOWED_LABELS


def test_a_worker_tells_what_it_did_and_how_its_shards_stand() -> None:
    seen = told(WORKER, worker())
    assert seen["mal_records_total"] == {**{(topic,): 0 for topic in INPUT_TOPICS}, ("tap.cmg.events",): 3}
    assert seen["mal_dead_letters_total"][("not_json", "tap.cmg.events")] == 1
    assert seen["mal_decisions_total"] == {("suppressed", "cooldown"): 2, ("suppressed", "unscoped"): 0}
    assert seen["mal_consumer_lag_records"] == {("0",): 116, ("1",): 0}
    assert seen["mal_consumer_unstable_records"] == {("0",): 100, ("1",): 0}
    assert seen["mal_executions_waiting"] == {("0",): 4, ("1",): 0}
    assert seen["mal_timer_lateness_seconds"] == {("0",): 1.5, ("1",): 1.5}
    assert seen["mal_breakers_open"][("cmg",)] == 2
    assert seen["mal_flows_loaded"] == {(): 6}
    assert seen["mal_live"] == {(): 1}
    assert seen["mal_unit_duration_seconds_bucket"][("0.025",)] == 0
    assert seen["mal_unit_duration_seconds_bucket"][("0.05",)] == 1
    assert seen["mal_unit_duration_seconds_bucket"][("+Inf",)] == 1
    assert seen["mal_unit_duration_seconds_count"] == {(): 1}
    assert "process_resident_memory_bytes" in seen


def test_what_may_be_counted_is_told_before_it_is() -> None:
    seen = told(WORKER, worker())
    faults = {(fault, topic) for fault in get_args(Fault) for topic in INPUT_TOPICS}
    assert seen["mal_dead_letters_total"].keys() == faults
    assert seen["mal_executions_ended_total"] == {
        (status,): 0 for status in ("succeeded", "failed", "partial", "cancelled")
    }
    assert told(AUDIT, AuditHealth())["mal_audit_records_foreign_total"] == {
        (topic,): 0 for topic in ("mal.executions", "tap.command-results")
    }


def test_an_audit_tells_what_it_wrote_and_what_waits() -> None:
    seen = told(AUDIT, audit())
    assert seen["mal_audit_rows_written_total"] == {("automation_executions",): 1}
    assert seen["mal_audit_lag_records"] == {("mal.executions",): 8}
    assert seen["mal_audit_last_commit_timestamp_seconds"] == {(): 12.5}
    assert seen["mal_audit_postgres_away"] == {(): 1}
    assert seen["mal_ready"] == {(): 0}


async def test_three_paths_are_served_and_say_what_is_wrong() -> None:
    health = Well()
    async with (
        serving("127.0.0.1", 0, health, new_registry(WORKER, worker())) as address,
        ClientSession(address) as session,
    ):
        for path in ("live", "ready"):
            health.wrong = None
            async with session.get(f"/health/{path}") as answer:
                assert (answer.status, await answer.json()) == (200, {path: True, "why": None})
            health.wrong = "it hangs"
            async with session.get(f"/health/{path}") as answer:
                assert (answer.status, await answer.json()) == (503, {path: False, "why": "it hangs"})
        async with session.get("/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert "mal_flows_loaded 6.0" in await answer.text()


async def test_an_address_that_is_taken_is_refused_by_the_names_of_its_settings() -> None:
    port = free_port()
    registry = new_registry(WORKER, worker())
    async with serving("127.0.0.1", port, Well(), registry):
        with pytest.raises(HealthAddressError, match=f"MAL_HEALTH_PORT {port} cannot be listened on"):
            async with serving("127.0.0.1", port, Well(), registry):
                raise AssertionError("it was listened on twice")
