"""What a proxy does to the connections that go through it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from dev.ports import HOST, free_ports
from tests.fault.proxy import Proxy

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy before a server that says back what it hears."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    target, port = free_ports(2)
    server = await asyncio.start_server(echo, HOST, target)
    made = Proxy(target, port)
    await made.accept()
    yield made
    await made.close()
    server.close()


@asynccontextmanager
async def connected(proxy: Proxy) -> AsyncIterator[Streams]:
    streams = await asyncio.open_connection(HOST, proxy.port)
    try:
        yield streams
    finally:
        streams[1].close()
        with contextlib.suppress(ConnectionResetError):
            await streams[1].wait_closed()


async def say(streams: Streams, within_seconds: float = 5.0) -> bytes:
    """Say something, and return the answer."""
    reader, writer = streams
    writer.write(b"hello\n")
    async with asyncio.timeout(within_seconds):
        return await reader.readline()


async def test_what_is_said_passes(proxy: Proxy) -> None:
    async with connected(proxy) as streams:
        assert await say(streams) == b"hello\n"
        assert proxy.connections == 1


async def test_a_cut_resets_what_is_there_and_lets_new_ones_in(proxy: Proxy) -> None:
    async with connected(proxy) as streams:
        await say(streams)
        assert proxy.cut() == 1
        with pytest.raises(ConnectionResetError):
            await streams[0].readexactly(1)
    async with connected(proxy) as again:
        assert await say(again) == b"hello\n"


async def test_refused_connections_come_again_once_they_are_let_in(proxy: Proxy) -> None:
    async with connected(proxy) as streams:
        await say(streams)
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            async with connected(proxy):
                pass
        assert await say(streams) == b"hello\n"
        await proxy.accept()
        async with connected(proxy) as again:
            assert await say(again) == b"hello\n"


async def test_what_was_frozen_comes_later(proxy: Proxy) -> None:
    async with connected(proxy) as streams:
        await say(streams)
        proxy.freeze()
        answer = asyncio.create_task(say(streams))
        done, _ = await asyncio.wait({answer}, timeout=0.3)
        assert not done
        proxy.thaw()
        assert await answer == b"hello\n"


async def test_slow_connections_take_their_time_in_both_directions(proxy: Proxy) -> None:
    async with connected(proxy) as streams:
        proxy.delay_seconds = 0.1
        started = time.monotonic()
        assert await say(streams) == b"hello\n"
        assert time.monotonic() - started >= 0.2
