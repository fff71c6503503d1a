"""Picks TCP ports on the loopback interface. Knows nothing of who will listen."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

HOST = "127.0.0.1"
# Below the range that Linux and macOS hand to outgoing connections (32768 and up): a port picked now, listened on a
# second later, is not taken by somebody's connection in between.
FIRST, LAST = 20_000, 32_000
ATTEMPTS = 200
OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """Return a port nobody listens on now and none of our processes picked: it is ours while this process runs.

    Raises `OSError` where no free port was found in 200 tries.
    """
    outgoing = _outgoing()
    for _ in range(ATTEMPTS):
        port = FIRST + secrets.randbelow(LAST - FIRST)
        if port not in outgoing and not in_use(port) and _reserved(port):
            return port
    raise OSError(f"no free port on {HOST} between {FIRST} and {LAST} in {ATTEMPTS} tries")


def free_ports(count: int) -> list[int]:
    """Return so many ports, no two of them the same, that nobody listens on now.

    Raises `OSError` as `free_port` does.
    """
    return [free_port() for _ in range(count)]


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


def _reserved(port: int) -> bool:
    # A server takes seconds to listen and is down while it is bounced: another process of ours that looks then must not
    # find its port free. The UDP port of the same number, which nobody here uses, says so to all of them, leaves no
    # file, and goes with this process.
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        holder.bind((HOST, port))
    except OSError:
        holder.close()
        return False
    holder.detach()  # not closed: held until this process ends
    return True


def _outgoing() -> range:
    # Some machines are set to another range than the one above; where it covers all of ours, ours is as good as any.
    try:
        first, last = (int(each) for each in OUTGOING.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return range(0)
    return range(0) if first <= FIRST and last >= LAST else range(first, last + 1)
