"""`mal flows publish`: freeze the draft of a flow as its next version, and put it into force."""

from __future__ import annotations

import asyncio

from cli.definitions import published_changes
from cli.flows.finding import FlowArgument, find_flow
from cli.flows.outcome import ACTOR, columns
from cli.flows.policy import Policy, PolicyOption, tell_who_runs
from cli.output import AsJson, print_rows
from cli.settings import find_settings
from store.flows import FlowStore, PublishedFlow


def command(flow: FlowArgument, policy: PolicyOption = Policy.PIN, as_json: AsJson = False) -> None:
    """Freeze the draft of a flow as its next version, and put it into force.

    A draft that is the same as the latest version makes no new one. A flow that is not valid is refused with every
    problem. On stderr it says how many executions run, and what becomes of them. The answer comes when Kafka has the
    version; workers run it within a second.
    """
    published = asyncio.run(_publish(flow, policy))
    print_rows([published.wire()], columns("published", with_version=True), as_json=as_json, empty="")


async def _publish(named: str, policy: Policy) -> PublishedFlow:
    async with published_changes(find_settings()) as pool:
        flows = FlowStore(pool, actor=ACTOR)
        flow = await find_flow(flows, named)
        await tell_who_runs(pool, flow, policy)
        return await flows.publish_flow(flow.id, policy)
