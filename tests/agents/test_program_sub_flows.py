"""A sub-flow comes back to its shard as a record of mal.triggers, and is decided there as one."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from agents.program import FlowProgram
from agents.tally import Tally
from engine.flow import FlowHead, StatusChange, VersionHead
from engine.matching import FlowTable
from engine.types import FlowId
from streams.batching.table import TablePart
from streams.topics import EXECUTIONS, TRIGGERS
from streams.unit import Headers
from tests.support.driver import START_MS
from tests.support.flows import opened, version


class InLog(NamedTuple):
    """A record as a shard gets it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def flows() -> FlowTable:
    table = FlowTable()
    note = ("log_event", {"message": "{{ event.campaignId }}"})
    for flow in (
        version({"t": ("email_open", {}), "run": ("run_flow", {"flowId": "child"})}, "t>run", flow_id="parent"),
        version({"t": ("manual_trigger", {}), "n": note}, "t>n", flow_id="child"),
    ):
        table.put_version(flow)
        table.put_head(
            FlowHead(
                flow_id=FlowId(flow.flow_id), latest=1, versions=(VersionHead(version=1, effective_from_ms=0),),
                statuses=(StatusChange(status="published", at_ms=0),),
            )
        )  # fmt: skip
    return table


def test_it_goes_through_the_log() -> None:
    tables = {name: TablePart() for name in ("subjects", "entries", "executions", "positions")}
    program = FlowProgram(0, 1, flows(), {}, lambda: START_MS, time_scale=1, all_facts=False, tally=Tally())
    program.restore(tables)
    mail = InLog("tap.email-engine.events", 0, 7, START_MS, b"c1", orjson.dumps(opened()), ())
    program.decide(mail, START_MS)
    (sent,) = [output for output in program.take().outputs if output.topic == TRIGGERS]
    assert (sent.partition, sent.key) == (0, b"c1")
    program.decide(InLog(TRIGGERS, 0, 3, START_MS, sent.key, sent.value, sent.headers), START_MS)
    records: list[Any] = [
        orjson.loads(output.value or b"") for output in program.take().outputs if output.topic == EXECUTIONS
    ]
    (child,) = records
    assert (child["flowId"], child["status"], child["origin"]) == ("child", "succeeded", "manual")
    assert child["input"] == {"topic": TRIGGERS, "partition": 0, "offset": 3}
    assert child["steps"][1]["output"]["message"] == "k1"
