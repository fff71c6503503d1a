"""A TCP proxy on loopback that can cut, refuse, slow down and freeze connections. Knows nothing of what passes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from dev.ports import HOST

CHUNK = 65_536
RESET = struct.pack("ii", 1, 0)
"""Linger for no time: a close is a reset then, not an end in order."""


class Proxy:
    """Passes connections on to a port.

    Args:
        target: the port on loopback.
        port: where it listens.
    """

    def __init__(self, target: int, port: int) -> None:
        self.port = port
        self.delay_seconds = 0.0
        """How long each chunk waits before it is passed on, in both directions."""
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()

    @property
    def connections(self) -> int:
        return len(self._writers) // 2

    async def accept(self) -> None:
        """Take connections, until `refuse`."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, HOST, self.port)

    def refuse(self) -> None:
        """Refuse new connections; those there are stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def cut(self) -> int:
        """Reset every connection; return how many there were."""
        cut = self.connections
        for writer in [writer for writer in self._writers if not writer.is_closing()]:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        return cut

    def freeze(self) -> None:
        """Pass nothing on; connections stay open, as to a machine whose cable is pulled."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass everything on again, what came meanwhile first."""
        self._flowing.set()

    async def close(self) -> None:
        self.refuse()
        self.thaw()
        self.cut()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)
        try:
            onward_reader, onward = await asyncio.open_connection(HOST, self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, onward}
        self._writers |= ends
        try:
            await asyncio.gather(self._pump(reader, onward), self._pump(onward_reader, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                await self._flowing.wait()
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                writer.write(chunk)
                await writer.drain()
        # One direction at its end ends the other: nobody here speaks on to one who has hung up.
        writer.close()
