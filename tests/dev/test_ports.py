"""Ports are picked free, and no two of one pick are the same."""

from __future__ import annotations

import socket

import pytest

from dev import ports


def test_no_two_of_one_pick_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    picks = iter([7, 7, 8, 7, 9])
    monkeypatch.setattr(ports, "free_port", lambda: next(picks))
    assert sorted(ports.free_ports(3)) == [7, 8, 9]


def test_a_port_that_is_listened_on_is_in_use() -> None:
    with socket.socket() as listening:
        listening.bind((ports.HOST, ports.free_port()))
        listening.listen()
        port = listening.getsockname()[1]
        assert ports.in_use(port)
        assert ports.accepts(port)
