from __future__ import annotations

from typing import Any

import pytest

from simulators.values import MalformedCommandError, Moment, Owner, read_command
from tests.simulators.commands import wire


def test_a_command_is_read_by_the_contract() -> None:
    command = read_command(wire("tag_contact", {"contactId": "c1", "tag": "vip"}))
    assert (command.id, command.attempt, command.depth, command.owner) == ("command-1", 1, 3, Owner("user_001", None))
    assert command.issued_at_ms == 1_790_000_000_000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": ""}, "id must be a str"),
        ({"attempt": True}, "attempt must be a int, it is True"),
        ({"cause": None}, "cause must be a dict"),
        ({"cause": {"depth": "1"}}, "depth must be a int"),
        ({"issuedAt": "yesterday"}, "issuedAt must be RFC 3339, it is 'yesterday'"),
        ({"payload": []}, "payload must be a dict"),
    ],
)
def test_what_is_no_command_is_refused_by_field_and_value(change: dict[str, Any], said: str) -> None:
    with pytest.raises(MalformedCommandError, match=said):
        read_command({**wire("tag_contact", {}), **change})


def test_a_list_is_no_command() -> None:
    with pytest.raises(MalformedCommandError, match="this is list"):
        read_command([])


def test_peoples_hours_pass_as_fast_as_the_scale_says() -> None:
    assert Moment(1000, 604_800.0).after(604_800.0) == 2000
    assert Moment(1000).after(-5.0) == 1000
