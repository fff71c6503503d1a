"""Lines of events are all checked before any is sent, by the rules the worker reads them with."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from cli.event_lines import BadLinesError, reaching_nothing, read_lines


def _line(**changes: Any) -> bytes:
    event = {
        "id": "e-1", "type": "email_open", "source": "email_engine", "payload": {"contactId": "c"},
        "metadata": {"userId": "u"},
    } | changes  # fmt: skip
    return json.dumps({key: value for key, value in event.items() if value is not ...}).encode()


def test_events_are_read_in_order_and_empty_lines_passed_over() -> None:
    events = read_lines(b"\n".join([_line(), b"", _line(id="e-2", extra=[1]), b"  \r", b""]))
    assert [event["id"] for event in events] == ["e-1", "e-2"]
    assert events[1]["extra"] == [1]


def test_an_event_without_an_id_gets_one() -> None:
    (event,) = read_lines(_line(id=...))
    assert UUID(event["id"]).version == 4


def test_every_bad_line_is_named_with_its_number_and_what_is_wrong() -> None:
    lines = [
        _line(), b"{", b"null", _line(type=...), _line(type="nobody_knows"), _line(payload=[]),
        _line(timestamp="noon"), _line(payload={"contactId": ""}), _line(type="manual_trigger"),
    ]  # fmt: skip
    with pytest.raises(BadLinesError) as refused:
        read_lines(b"\n".join(lines))
    said = str(refused.value).splitlines()
    assert [line.split(":")[0] for line in said] == [f"line {number}" for number in range(2, 10)]
    assert "is no JSON" in said[0]
    assert "a JSON object, this is null" in said[1]
    assert "type must be a non-empty string, it is missing" in said[2]
    assert "no topic takes the type 'nobody_knows'; known are asset_uploaded, " in said[3]


def test_an_event_may_be_nested_64_deep_and_no_deeper() -> None:
    def nested(depth: int) -> bytes:
        # The event and its payload are two levels; brackets inside strings are none.
        lists = "[" * (depth - 2) + '"\\"[[{"' + "]" * (depth - 2)
        return b'{"type":"email_open","source":"s","payload":{"a":' + lists.encode() + b"}}"

    assert len(read_lines(nested(64))) == 1
    with pytest.raises(BadLinesError, match="line 1: is nested deeper than 64"):
        read_lines(nested(65))


def test_an_event_may_be_one_mebibyte_long_and_no_longer() -> None:
    base = len(_line(payload={"contactId": "c", "x": ""}))
    fits = _line(payload={"contactId": "c", "x": "a" * (1024 * 1024 - base)})
    assert len(read_lines(fits)) == 1
    with pytest.raises(BadLinesError, match="line 1: is 1048577 bytes long"):
        read_lines(fits + b" ")


def test_all_that_is_wrong_with_a_line_is_said_at_once() -> None:
    with pytest.raises(BadLinesError) as refused:
        read_lines(_line(type="nobody_knows", source=..., payload={"contactId": ""}, metadata=[], timestamp="noon"))
    [said] = str(refused.value).splitlines()
    for word in ("the type 'nobody_knows'", "source must", "payload.contactId must", "metadata must", "timestamp must"):
        assert word in said


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"metadata": {}}, "neither userId nor workspaceId"),
        ({"metadata": ...}, "neither userId nor workspaceId"),
        ({"metadata": {"workspaceId": "w"}, "payload": {}}, "about nobody"),
        ({"payload": {}}, None),  # it is about the user
    ],
)
def test_an_event_that_starts_nothing_is_told(changes: dict[str, Any], why: str | None) -> None:
    told = list(reaching_nothing(read_lines(_line(**changes))))
    assert len(told) == (why is not None)
    assert why is None or why in told[0]


def test_only_a_few_such_events_are_told() -> None:
    told = list(reaching_nothing(read_lines(b"\n".join([_line(metadata={})] * 7))))
    assert len(told) == 6
    assert told[-1] == "… so are 2 more"
