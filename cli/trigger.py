"""`mal trigger`: start a published flow by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Any

import orjson
import typer

from cli.errors import Refused
from cli.flows.finding import FlowArgument, find_flow
from cli.kafka import kafka_errors
from cli.output import AsJson, note, print_json, print_line
from cli.postgres import postgres
from cli.settings import find_settings, kafka_address
from engine.events import SUBJECT_FIELDS, json_kind
from engine.flow import Node
from engine.nodes.base import TriggerType
from engine.nodes.registry import node_types
from store.flows import FlowStore
from streams.client import AutomationClient
from streams.settings import Settings


def _payload(text: str) -> dict[str, Any]:
    try:
        payload = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"is no JSON: {error}") from error
    if not isinstance(payload, dict):
        raise typer.BadParameter(f"a payload is a JSON object, this is {json_kind(payload)}")
    return payload


def command(
    flow: FlowArgument,
    payload: Annotated[
        Any, typer.Option(parser=_payload, metavar="JSON", help="The payload of the trigger, a JSON object.")
    ] = "{}",
    idempotency_key: Annotated[
        str | None, typer.Option(metavar="K", help="The same key starts the same execution, however often.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start a published flow of any trigger, and print the id of the execution once Kafka has its trigger.

    A draft or an archived flow is refused.
    """
    execution_id = asyncio.run(_trigger(find_settings(), flow, payload, idempotency_key))
    if as_json:
        print_json({"executionId": execution_id})
    else:
        print_line(execution_id)


async def _trigger(settings: Settings, named: str, payload: dict[str, Any], idempotency_key: str | None) -> str:
    kafka_address(settings)  # before anything is asked of Postgres
    async with postgres(settings) as pool:
        flows = FlowStore(pool)
        flow = await find_flow(flows, named)
        about = _subject_types(await flows.get_nodes(flow.id))
    if flow.status != "published":
        state = "a draft" if flow.status == "draft" else flow.status
        way_back = "resume" if flow.status == "paused" else "publish"
        raise Refused(f"the flow {flow.name!r} ({flow.id}) is {state}; {way_back} it first (`mal flows {way_back}`)")
    if about and "user" not in about and not any(payload.get(field) is not None for field, _kind in SUBJECT_FIELDS):
        note(
            f"the payload names no {' or '.join(about)}, which events of this flow are about; it starts for the user "
            f"of the flow instead (--payload '{{\"{about[0]}Id\": …}}')"
        )
    with kafka_errors(settings):
        async with AutomationClient(**settings.kafka_client()) as client:
            try:
                return await client.manual_trigger_flow(flow.id, payload, idempotency_key=idempotency_key)
            except ValueError as error:
                raise Refused(str(error)) from error


def _subject_types(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Return what kind of subject the events have that start a flow; () where any."""
    kinds = (node_types().get(node.subtype) for node in nodes)
    return next((kind.subject_types for kind in kinds if isinstance(kind, TriggerType)), ())
