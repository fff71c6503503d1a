"""What is written for whoever is on call is in step with the code: metrics, alerts, and what to do about each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import promql_parser
import pytest
import yaml
from prometheus_client.samples import Sample

from agents.audit_health import AuditHealth
from agents.figures import ShardFigures
from agents.metric_table import AUDIT, WORKER, Figures, Metric, new_registry
from agents.shards import Shards
from agents.tally import Tally
from agents.worker_health import WorkerHealth
from agents.worker_metrics import WorkerFigures
from streams.batching.host import Unread

DOCS = Path(__file__).parents[2] / "docs"
METRICS = {metric.name: metric for metric in (*WORKER, *AUDIT)}
RULES: list[dict[str, Any]] = yaml.safe_load((DOCS / "alerts.yml").read_text())["groups"][0]["rules"]
OPERATIONS = (DOCS / "operations.md").read_text()
OF_HISTOGRAMS = re.compile(r"_(bucket|count|sum)$")


def metrics_in(text: str) -> set[str]:
    names = set(re.findall(r"\bmal_[a-z_]+", text))
    return {name if name in METRICS else OF_HISTOGRAMS.sub("", name) for name in names}


class Idle:
    """No shard at work."""

    def figures(self) -> list[ShardFigures]:
        return []


def told_at_first() -> dict[str, list[Sample]]:
    """Return what processes tell that have done nothing yet, by the names of samples."""
    shards = cast(Shards, Idle())
    unread = Unread({}, {}, 0)
    health = WorkerHealth(shards, lambda: unread)
    read: list[tuple[Sequence[Metric], Figures]] = [
        (WORKER, WorkerFigures(Tally(), shards, lambda: unread, lambda: 0, health)),
        (AUDIT, AuditHealth()),
    ]
    samples: dict[str, list[Sample]] = {}
    for metrics, figures in read:
        for family in new_registry(metrics, figures).collect():
            for sample in family.samples:
                samples.setdefault(sample.name, []).append(sample)
    return samples


def calls_in(expression: Any) -> Iterator[promql_parser.Call]:
    """Yield every call of a function in an expression."""
    if isinstance(expression, promql_parser.Call):
        yield expression
        parts = list(expression.args)
    elif isinstance(expression, promql_parser.BinaryExpr):
        parts = [expression.lhs, expression.rhs]
    else:
        parts = [part for part in [getattr(expression, "expr", None)] if part is not None]
    for part in parts:
        yield from calls_in(part)


def risen_in(rule: Mapping[str, Any]) -> list[promql_parser.VectorSelector]:
    """Return the counters that a rule asks how much they have risen."""
    calls = calls_in(promql_parser.parse(rule["expr"]))
    return [call.args[0].vector_selector for call in calls if call.func.name in {"rate", "increase"}]


def test_every_metric_is_told_and_none_that_is_not_there() -> None:
    assert metrics_in(OPERATIONS) == set(METRICS)


def test_every_alert_says_what_to_do_and_none_is_told_that_is_no_rule() -> None:
    told = re.findall(r"^\| `(Mal\w+)` \| ([^|]+) \| ([^|]+) \|$", OPERATIONS, re.MULTILINE)
    assert [name for name, _, _ in told] == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_is_promql_over_metrics_and_labels_that_there_are(rule: dict[str, Any]) -> None:
    expression = str(promql_parser.parse(rule["expr"]))
    used = metrics_in(expression)
    assert used
    assert used <= set(METRICS)
    labels = {label for name in used for label in METRICS[name].labels} | {"le", "instance"}
    grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", rule["expr"]) for label in by.split(",")}
    matched = set(re.findall(r"[{,]\s*(\w+)\s*=", rule["expr"]))
    shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
    assert grouped | matched | shown <= labels


def test_histograms_are_asked_by_their_buckets_or_counts() -> None:
    for rule in RULES:
        for name in re.findall(r"\bmal_[a-z_]+", rule["expr"]):
            metric = METRICS.get(name)
            assert metric is None or metric.kind != "histogram"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_what_a_rule_wants_to_see_rise_is_told_as_0_from_the_start(rule: dict[str, Any]) -> None:
    at_first = told_at_first()
    assert len(risen_in(rule)) == len(re.findall(r"\b(?:rate|increase)\(", rule["expr"]))
    for counter in risen_in(rule):
        wanted = {(matcher.name, matcher.value) for matcher in counter.matchers.matchers}
        values = [one.value for one in at_first.get(str(counter.name), []) if wanted <= one.labels.items()]
        assert values, f"{counter.name} is not there before it counts"
        assert not any(values)


def test_rules_fire_where_no_worker_or_no_audit_is_and_only_there() -> None:
    calls = [call for rule in RULES for call in calls_in(promql_parser.parse(rule["expr"]))]
    absent = {call.args[0].name for call in calls if call.func.name == "absent"}
    assert absent <= told_at_first().keys()
    for metrics in (WORKER, AUDIT):
        assert absent & {metric.name for metric in metrics}
