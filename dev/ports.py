"""Picks TCP ports on the loopback interface. Knows nothing of who will listen."""

from __future__ import annotations

import secrets
import socket

HOST = "127.0.0.1"
# Below the range that Linux and macOS hand to outgoing connections (32768 and up): a port picked now, listened on a
# second later, is not taken by somebody's connection in between.
FIRST, LAST = 20_000, 32_000
ATTEMPTS = 200


def free_port() -> int:
    """Return a port nobody listens on now.

    Raises `OSError` where no free port was found in 200 tries.
    """
    for _ in range(ATTEMPTS):
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if not in_use(port):
            return port
    raise OSError(f"no free port on {HOST} between {FIRST} and {LAST} in {ATTEMPTS} tries")


def free_ports(count: int) -> list[int]:
    """Return so many ports, no two of them the same, that nobody listens on now.

    Raises `OSError` as `free_port` does.
    """
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)


def in_use(port: int) -> bool:
    """Say whether a listener could not bind this port now."""
    with socket.socket() as probe:
        # As servers do: a connection of an earlier listener in TIME_WAIT is no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
        return False


def accepts(port: int) -> bool:
    """Say whether something accepts connections on this port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) == 0
