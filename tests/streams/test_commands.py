"""A command on the wire has the key, headers and value of the contract."""

from __future__ import annotations

import orjson

from streams.commands import CommandRecord, encode_command

COMMAND = {
    "id": "c-1", "type": "tag_contact", "target": "list_builder", "issuedAt": "2026-11-01T10:30:00Z", "origin": "live",
    "userId": "user_001", "workspaceId": None, "flowId": "f", "flowVersion": 3, "executionId": "x", "nodeId": "n",
    "subject": {"type": "contact", "id": "contact_ü"}, "attempt": 2, "cause": {"eventId": "e", "depth": 1},
    "payload": {"contactId": "contact_ü", "tag": "high-value"},
}  # fmt: skip


def test_key_headers_and_value_are_those_of_the_contract() -> None:
    key, value, headers = encode_command(COMMAND)
    assert key == "contact_ü".encode()
    assert headers == (
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", b"c-1.2"),
        ("ce_type", b"tag_contact"),
        ("ce_source", b"mal"),
        ("ce_time", b"2026-11-01T10:30:00Z"),
    )
    assert orjson.loads(value) == COMMAND


def test_the_description_of_a_command_is_what_is_sent() -> None:
    assert CommandRecord.model_validate(COMMAND).wire() == COMMAND
