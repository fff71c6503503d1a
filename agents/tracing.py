"""Spans of what a worker did, event to decision to command, exported by OTLP once the unit is committed.

Their ids are derived from those of the execution and the command, so that what is sent again belongs to the same span.
Names and attributes are those of OpenTelemetry's semantic conventions for messaging. Loaded only where a collector is
named: nothing else of ours imports OpenTelemetry.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Final, NamedTuple

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags

from engine.inputs import Command
from engine.run import Run
from engine.types import Json
from streams.groups import WORKERS
from streams.trace_context import SAMPLED, TRACEPARENT, Trace, derived, read_trace

MAX_QUEUED: Final = 16_384
"""Spans that wait for the collector; beyond that they are dropped, and events go on."""
CLOSE_SECONDS: Final = 2.0
_SCOPE: Final = InstrumentationScope("tap-automations")
_TRACE_CHARS, _SPAN_CHARS = 32, 16


class Span(NamedTuple):
    """A span that has begun: its place in the trace, the span it belongs to (empty: none), and what it says."""

    name: str
    kind: SpanKind
    place: Trace
    parent: str
    began_ns: int
    facts: Mapping[str, str | int]


class Tracing:
    """Makes and exports spans, for all shards of a worker.

    Args:
        processor: takes spans that have ended.
        ratio: how many of the traces that begin here are kept, from 0 to 1; others go by what their `traceparent` says.
        now_ns: reads the wall clock.
    """

    def __init__(self, processor: SpanProcessor, ratio: float = 1.0, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._processor = processor
        self._begins = TraceIdRatioBased(ratio)
        self._now_ns = now_ns
        self._resource = Resource.create({"service.name": "mal-worker"})

    def shard(self) -> ShardSpans:
        """Return what collects the spans of one shard."""
        return ShardSpans(self)

    def place_of(self, execution: str, traceparent: Json) -> Trace:
        """Return where an execution stands in a trace: that of its trigger, else one of its own."""
        if parent := read_trace(traceparent):
            return parent
        trace_id = derived(_TRACE_CHARS, "trace", execution)
        kept = self._begins.should_sample(None, int(trace_id, 16), "").decision is Decision.RECORD_AND_SAMPLE
        return Trace(trace_id, "", SAMPLED if kept else 0)

    def now_ns(self) -> int:
        """Return the time."""
        return self._now_ns()

    def end(self, span: Span) -> None:
        """Export a span that ends now."""
        place = span.place
        ended = ReadableSpan(
            span.name,
            context=_context(place),
            parent=_context(place._replace(span_id=span.parent)) if span.parent else None,
            resource=self._resource,
            attributes=span.facts,
            kind=span.kind,
            start_time=span.began_ns,
            end_time=self._now_ns(),
            instrumentation_scope=_SCOPE,
        )
        self._processor.on_end(ended)

    def close(self) -> None:
        """Export what is left, for two seconds at most. Blocks."""
        # The processor tries for as long as its exporter does, whatever it is told; a daemon holds up nobody's end.
        flushing = Thread(target=self._processor.force_flush, daemon=True)
        flushing.start()
        flushing.join(CLOSE_SECONDS)


class ShardSpans:
    """The spans of one shard's unit, kept until it is committed.

    Args:
        tracing: exports them.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._begun: list[Span] = []

    def command(self, run: Run, command: Command, topic: str) -> Trace:
        """Note a command; return its place in the trace, which goes with it."""
        place = self._tracing.place_of(run.id, run.event.metadata.get(TRACEPARENT))
        sent = place._replace(span_id=derived(_SPAN_CHARS, "send", command.id, command.attempt))
        if place.is_sampled:
            facts = {
                **_messaging("send", topic), "messaging.message.id": f"{command.id}.{command.attempt}",
                "mal.command.id": command.id, "mal.command.type": command.type, "mal.execution.id": run.id,
            }  # fmt: skip
            self._keep(f"send {topic}", SpanKind.PRODUCER, sent, _decision(run.id, run.seq), facts)
        return sent

    def moved(self, record: Mapping[str, Json]) -> None:
        """Note that an execution moved, as the feed has it."""
        if "seq" not in record:
            return  # a decision, which moves nothing
        execution, seq, trigger, source = record["executionId"], record["seq"], record["trigger"], record.get("input")
        place = self._tracing.place_of(execution, trigger.get(TRACEPARENT))
        if not place.is_sampled:
            return
        parent = place.span_id
        if seq == 1 and source:
            parent = derived(_SPAN_CHARS, "process", execution)
            facts = {
                **_messaging("process", source["topic"]), "messaging.consumer.group.name": WORKERS,
                "messaging.destination.partition.id": str(source["partition"]),
                "messaging.kafka.offset": source["offset"], "messaging.message.id": trigger["eventId"],
                "mal.event.type": trigger["type"],
            }  # fmt: skip
            name = f"process {source['topic']}"
            self._keep(name, SpanKind.CONSUMER, place._replace(span_id=parent), place.span_id, facts)
        facts = {
            "mal.flow.id": record["flowId"], "mal.flow.version": record["flowVersion"], "mal.execution.id": execution,
            "mal.execution.seq": seq, "mal.execution.status": str(record["status"]), "mal.event.id": trigger["eventId"],
        }  # fmt: skip
        own = place._replace(span_id=_decision(execution, seq))
        self._keep("decide", SpanKind.INTERNAL, own, parent, facts)

    def committed(self) -> None:
        """Export what was noted: it has happened now."""
        for span in self._begun:
            self._tracing.end(span)
        self._begun.clear()

    def _keep(self, name: str, kind: SpanKind, place: Trace, parent: str, facts: Mapping[str, str | int]) -> None:
        self._begun.append(Span(name, kind, place, parent, self._tracing.now_ns(), facts))


def new_tracing(ratio: float) -> Tracing:
    """Return tracing to the collector that the standard variables name (OTEL_EXPORTER_OTLP_…)."""
    return Tracing(BatchSpanProcessor(OTLPSpanExporter(), max_queue_size=MAX_QUEUED), ratio)


def _decision(execution: str, seq: int) -> str:
    return derived(_SPAN_CHARS, "decide", execution, seq)


def _messaging(operation: str, topic: str) -> dict[str, str | int]:
    return {
        "messaging.system": "kafka", "messaging.operation.type": operation, "messaging.operation.name": operation,
        "messaging.destination.name": topic,
    }  # fmt: skip


def _context(place: Trace) -> SpanContext:
    return SpanContext(int(place.trace_id, 16), int(place.span_id, 16), False, TraceFlags(place.flags))
