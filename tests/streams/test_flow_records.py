"""Records of `mal.flows` fold into what is published; one that cannot be read leaves the others."""

from __future__ import annotations

from typing import Any

import pytest

from engine.matching import FlowTable
from streams.codecs import Poison, to_json
from streams.flow_records import apply_flow_record
from tests.support.flows import version

FLOW = version({"opened": ("email_open", {"allCampaigns": True}), "log": ("log_event", {"message": "m"})}, "opened>log")
HEAD = {
    "flowId": "flow-1", "latest": 1, "versions": [{"version": 1, "effectiveFromMs": 5}],
    "statuses": [{"status": "published", "atMs": 5}],
}  # fmt: skip
LIMITS = {"kind": "user", "id": "a/b", "maxExternalWrites": 7}


@pytest.fixture
def table() -> FlowTable:
    published = FlowTable()
    apply_flow_record(published, b"flow-1/1", to_json(FLOW.wire()))
    apply_flow_record(published, b"flow-1/head", to_json(HEAD))
    return published


def test_a_version_and_its_head_are_a_flow(table: FlowTable) -> None:
    flow = table.snapshot().flows[FLOW.flow_id]
    assert flow.head.status == "published"
    plan = flow.matching_plan_at(5)
    assert plan is not None
    assert plan.version == 1


def test_tombstones_take_them_away(table: FlowTable) -> None:
    apply_flow_record(table, b"flow-1/1", None)
    assert table.snapshot().flows[FLOW.flow_id].matching_plan_at(5) is None
    apply_flow_record(table, b"flow-1/head", None)
    assert not table.snapshot().flows


def test_limits_come_and_go() -> None:
    table = FlowTable()
    apply_flow_record(table, b"limits/user/a/b", to_json(LIMITS))
    assert table.snapshot().limits_of("a/b", None).max_external_writes == 7
    apply_flow_record(table, b"limits/user/a/b", None)
    assert not table.snapshot().limits


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        (b"\xff", b"{}", "is no key of mal.flows"),
        (b"flow-1", b"{}", "is no key of mal.flows"),
        (b"/head", b"{}", "is no key of mal.flows"),
        (b"flow-1/two", None, "is no key of mal.flows"),
        (b"limits/team/x", b"{}", "is no key of limits"),
        (b"limits/user/", b"{}", "is no key of limits"),
        (b"limits/user/x", b"{}", "is no LimitsRecord: kind"),
        (b"flow-1/head", b"not json", "is no FlowHead"),
        (b"flow-1/2", b"{}", "is no FlowVersion: flowId"),
        (b"flow-1/2", to_json({**FLOW.wire(), "version": 2, "nodes": []}), "flow-1/2 cannot be run"),
    ],
)
def test_what_cannot_be_read_is_poison_and_changes_nothing(table: FlowTable, key: bytes, value: Any, why: str) -> None:
    before = table.snapshot()
    with pytest.raises(Poison, match=why):
        apply_flow_record(table, key, value)
    assert table.snapshot().flows == before.flows
