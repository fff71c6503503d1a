"""A collector for tests: takes spans by OTLP over HTTP, on loopback, and keeps them."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class SeenSpan:
    """A span as it came in."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    facts: Mapping[str, str | int]


@dataclass
class Collector:
    """Where it listens, and what has come."""

    address: str = ""
    spans: list[SeenSpan] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    facts = {
                        one.key: one.value.string_value or one.value.int_value for one in span.attributes
                    }  # fmt: skip
                    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
                    self.spans.append(SeenSpan(span.name, *ids, span.kind, facts))

    async def until(self, condition: Callable[[list[SeenSpan]], bool], within_seconds: float = 20.0) -> list[SeenSpan]:
        """Wait until what has come is so."""
        try:
            async with asyncio.timeout(within_seconds):
                while not condition(self.spans):  # noqa: ASYNC110 -- the spans come from another process
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"not within {within_seconds:g} s; spans: {self.spans}") from None
        return self.spans


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """Listen on a free port inside the block."""
    collector = Collector()

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        collector.take(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.add_routes([web.post("/v1/traces", take)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        collector.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield collector
    finally:
        await runner.cleanup()
