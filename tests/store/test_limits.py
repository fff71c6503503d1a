"""Limits of users and workspaces: what is set, what holds, and the way to the workers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.flow import LimitsRecord
from engine.holdout import Holdout
from engine.message_rules import MessageRules
from store import limits, outbox
from store.errors import InvalidInputError
from store.pool import Pool

DEFAULTS = {"maxActionsPerExecution": 100, "maxExternalWrites": 50, "maxContactActions": 200}


async def test_what_is_not_set_is_the_default(pool: Pool) -> None:
    assert await limits.show(pool, "user", "user_001") == {"kind": "user", "id": "user_001", **DEFAULTS}


async def test_setting_one_leaves_the_others_as_they_are(pool: Pool) -> None:
    await limits.set_limits(pool, "workspace", "space", max_external_writes=10)
    held = await limits.set_limits(pool, "workspace", "space", max_contact_actions=10_000)
    assert held == {
        "kind": "workspace",
        "id": "space",
        **DEFAULTS,
        "maxExternalWrites": 10,
        "maxContactActions": 10_000,
    }
    assert await limits.show(pool, "workspace", "space") == held
    assert await limits.show(pool, "user", "space") == {"kind": "user", "id": "space", **DEFAULTS}


async def test_what_is_set_stands_in_the_outbox_with_nulls_for_what_is_not(pool: Pool) -> None:
    await limits.set_limits(pool, "user", "user_001", max_actions_per_execution=1)
    sent: list[tuple[bytes, bytes | None]] = []

    async def send(key: bytes, value: bytes | None) -> None:
        sent.append((key, value))

    assert await outbox.relay(pool, send) == 1
    assert sent[0][0] == b"limits/user/user_001"
    assert json.loads(sent[0][1] or b"") == {
        "kind": "user", "id": "user_001", "maxActionsPerExecution": 1, "maxExternalWrites": None,
        "maxContactActions": None, "holdout": None, "messages": None,
    }  # fmt: skip


@pytest.mark.parametrize("value", [0, -1, 10_001])
async def test_a_limit_out_of_its_range_is_refused(pool: Pool, value: int) -> None:
    with pytest.raises(InvalidInputError, match=f"max_external_writes is {value}; use 1 … 10,000"):
        await limits.set_limits(pool, "user", "user_001", max_external_writes=value)
    assert await limits.show(pool, "user", "user_001") == {"kind": "user", "id": "user_001", **DEFAULTS}


async def test_nothing_to_set_is_refused(pool: Pool) -> None:
    with pytest.raises(InvalidInputError, match="no limit is given"):
        await limits.set_limits(pool, "user", "user_001")


@pytest.mark.parametrize(("identity", "why"), [("", "1 to 200"), ("x" * 201, "1 to 200"), ("a\0", r"U\+0000")])
async def test_an_id_that_cannot_be_is_refused(pool: Pool, identity: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        await limits.set_limits(pool, "user", identity, max_external_writes=1)


async def test_rules_for_all_flows_are_set_shown_and_sent(pool: Pool) -> None:
    messages = {"quietHours": {"from": "22:00", "to": "07:00"}, "caps": [{"max": 2, "scope": "all"}]}
    whose = {"kind": "workspace", "id": "space", **DEFAULTS}
    assert await limits.set_limits(pool, "workspace", "space", holdout={"percent": 5}) == {
        **whose, "holdout": {"percent": 5},
    }  # fmt: skip
    held = await limits.set_limits(pool, "workspace", "space", messages=messages)
    assert held == {**whose, "holdout": {"percent": 5}, "messages": messages}
    assert await limits.show(pool, "workspace", "space") == held
    sent: list[bytes | None] = []

    async def send(key: bytes, value: bytes | None) -> None:
        sent.append(value)

    await outbox.relay(pool, send)
    read = LimitsRecord.model_validate_json(sent[-1] or b"")
    assert read.messages == MessageRules.model_validate(messages)
    assert read.holdout == Holdout(percent=5)


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ({"holdout": {"percent": 101}}, "holdout.percent is 101"),
        ({"holdout": 5}, "holdout is 5, not an object"),
        ({"messages": {"quietHours": {"form": "22:00"}}}, "did you mean from"),
        ({"messages": []}, "messages is an array, not an object"),
    ],
)
async def test_a_rule_that_is_wrong_is_refused(pool: Pool, rules: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        await limits.set_limits(pool, "user", "user_001", **rules)
    assert await limits.show(pool, "user", "user_001") == {"kind": "user", "id": "user_001", **DEFAULTS}
