"""Limits by the command line: shown with their defaults, set one by one, and on their way to the workers."""

from __future__ import annotations

import orjson
import pytest

from streams.topics import FLOWS
from tests.cli.conftest import Mal, records, rows

pytestmark = pytest.mark.services

DEFAULTS = {"maxActionsPerExecution": 100, "maxExternalWrites": 50, "maxContactActions": 200}


def test_what_is_not_set_is_the_default(mal: Mal) -> None:
    assert rows(mal("limits", "show", "--user", "u-1", "--json")) == [{"kind": "user", "id": "u-1", **DEFAULTS}]


def test_a_limit_that_is_set_is_on_kafka_when_the_command_answers(mal: Mal, topics: str) -> None:
    whose = ("--workspace", "w-1")
    expected = {"kind": "workspace", "id": "w-1", **DEFAULTS, "maxExternalWrites": 7}
    assert rows(mal("limits", "set", *whose, "--max-external-writes", "7", "--json")) == [expected]
    (record,) = [record for record in records(topics, FLOWS) if record.key == b"limits/workspace/w-1"]
    assert orjson.loads(record.value)["maxExternalWrites"] == 7
    rows(mal("limits", "set", *whose, "--max-actions", "9", "--json"))
    shown = rows(mal("limits", "show", *whose, "--json"))
    assert shown == [{**expected, "maxActionsPerExecution": 9}]


def test_rules_for_all_flows_are_set_like_limits(mal: Mal, topics: str) -> None:
    whose = ("--user", "u-rules")
    rules = {"quietHours": {"from": "22:00", "to": "07:00"}}
    (shown,) = rows(
        mal("limits", "set", *whose, "--holdout", "5", "--messages", orjson.dumps(rules).decode(), "--json")
    )
    assert shown == {"kind": "user", "id": "u-rules", **DEFAULTS, "holdout": {"percent": 5.0}, "messages": rules}
    (record,) = [record for record in records(topics, FLOWS) if record.key == b"limits/user/u-rules"]
    assert orjson.loads(record.value)["messages"]["quietHours"] == rules["quietHours"]
    refused = mal("limits", "set", *whose, "--messages", '{"quietHour": {}}')
    assert refused.exit_code == 1
    assert "did you mean quietHours?" in refused.stderr
    assert mal("limits", "set", *whose, "--messages", "{").exit_code == 2
    assert mal("limits", "set", *whose).exit_code == 2
