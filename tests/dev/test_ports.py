"""A port that was picked is free, and belongs to who picked it."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dev import ports


def test_no_two_of_one_pick_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ports.free_port() - ports.FIRST
    picks = iter([first, first + 1, first + 1, first, first + 2, *range(first + 3, first + 50)])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(picks))
    found = ports.free_ports(3)
    assert len(set(found)) == 3
    assert ports.FIRST + first not in found


def test_another_process_does_not_pick_what_this_one_did() -> None:
    port = ports.free_port()
    assert not ports.in_use(port)
    look = f"from dev import ports; ports.FIRST, ports.LAST = {port}, {port + 1}; print(ports.free_port())"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"no free port on {ports.HOST} between {port} and {port + 1}" in done.stderr


def test_a_port_that_outgoing_connections_may_take_is_not_picked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outgoing = tmp_path / "range"
    monkeypatch.setattr(ports, "OUTGOING", outgoing)
    outgoing.write_text(f"{ports.FIRST + 6_000}\t{ports.LAST + 5_000}\n")
    assert all(port < ports.FIRST + 6_000 for port in ports.free_ports(5))
    # All of ours: any of them, then.
    outgoing.write_text("1024\t65535\n")
    assert ports.FIRST <= ports.free_port() < ports.LAST


def test_a_port_that_is_listened_on_is_in_use() -> None:
    with socket.socket() as listening:
        listening.bind((ports.HOST, ports.free_port()))
        listening.listen()
        port = listening.getsockname()[1]
        assert ports.in_use(port)
        assert ports.accepts(port)
