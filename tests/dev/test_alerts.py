"""What is written for whoever is on call is in step with the code: metrics, alerts, and what to do about each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from agents.metric_table import AUDIT, WORKER

DOCS = Path(__file__).parents[2] / "docs"
METRICS = {metric.name: metric for metric in (*WORKER, *AUDIT)}
RULES: list[dict[str, Any]] = yaml.safe_load((DOCS / "alerts.yml").read_text())["groups"][0]["rules"]
OPERATIONS = (DOCS / "operations.md").read_text()
OF_HISTOGRAMS = re.compile(r"_(bucket|count|sum)$")


def metrics_in(text: str) -> set[str]:
    names = set(re.findall(r"\bmal_[a-z_]+", text))
    return {name if name in METRICS else OF_HISTOGRAMS.sub("", name) for name in names}


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
