"""Whether a process lives and is ready, by architecture.md section 8, and where that is asked: three plain HTTP paths.

Live: it gets on while there is something to do. Ready: its shards are assigned and restored. A rebalance alone fails
neither. The answers name what is wrong.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from streams.readiness import HealthAddressError

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
CLOSE_SECONDS: Final = 1.0


class Health(Protocol):
    """What is asked of a process."""

    def why_not_live(self) -> str | None:
        """Return why it should be started anew, None where all is well."""

    def why_not_ready(self) -> str | None:
        """Return why it does not do its work yet, or no longer; None where it does."""


@asynccontextmanager
async def serving(host: str, port: int, health: Health, registry: CollectorRegistry) -> AsyncIterator[str]:
    """Serve /health/live, /health/ready and /metrics inside the block; yield where, as a URL.

    Args:
        host: to listen on.
        port: to listen on; 0 takes any that is free.
        health: says how the process is.
        registry: of the metrics.

    Raises:
        HealthAddressError: it cannot be listened there.
    """

    async def live(_request: web.Request) -> web.Response:
        return _answer("live", health.why_not_live())

    async def ready(_request: web.Request) -> web.Response:
        return _answer("ready", health.why_not_ready())

    async def metrics(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": METRICS_TYPE})

    app = web.Application()
    app.add_routes([web.get("/health/live", live), web.get("/health/ready", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_SECONDS)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            where = f"MAL_HEALTH_HOST {host} and MAL_HEALTH_PORT {port}"
            raise HealthAddressError(f"{where} cannot be listened on: {error.strerror or error}") from error
        listening: str = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{listening}"
    finally:
        await runner.cleanup()


def _answer(what: str, why_not: str | None) -> web.Response:
    status = 200 if why_not is None else 503
    return web.json_response({what: why_not is None, "why": why_not}, status=status)
