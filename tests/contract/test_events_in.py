"""What comes in (contract.md sections 1, 2 and 7): events in every shape, keys and partitions, and what is no event."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.contract.lab import (
    DEAD_LETTERS,
    EVENT_TOPICS,
    FEED,
    PARTITIONS,
    Lab,
    derived,
    event,
    execution_id,
    flow_id,
    until,
)

pytestmark = pytest.mark.services

OPENS = EVENT_TOPICS["email_open"]
FLOW = flow_id("u-in", "in")
DAY = "2026-11-01T10:30:00Z"
Change = Callable[[dict[str, Any]], object]

READ: dict[str, Change] = {
    "as the contract has it": dict,
    "integer ids": lambda sent: sent["payload"].update(contactId=int(uuid4().int % 10**12), campaignId=5),
    "an integer id of its own": lambda sent: sent.update(id=int(uuid4().int % 10**12)),
    "unknown fields": lambda sent: (sent.update(more={"a": [1]}), sent["payload"].update(more=[{}])),
    "a workspace that is null": lambda sent: sent["metadata"].update(workspaceId=None),
    "a workspace left out": lambda sent: sent["metadata"].pop("workspaceId"),
    "no time": lambda sent: sent.pop("timestamp"),
    "a time that is null": lambda sent: sent.update(timestamp=None),
    "a time of another zone": lambda sent: sent.update(timestamp="2026-11-01T12:30:00.5+02:00"),
    "no payload but whom": lambda sent: sent.update(payload={"contactId": sent["payload"]["contactId"]}),
    "a source nobody knows": lambda sent: sent.update(source="somebody"),
    "text of any script": lambda sent: sent["payload"].update(contactId=f"Zoë-東京-{uuid4()}"),
    "depth 60": lambda sent: sent["payload"].update(deep=_nested(58)),
}


def _opened(**payload: Any) -> dict[str, Any]:
    sent = event("email_open", "u-in", contactId=str(uuid4()), campaignId="k", **payload)
    return {**sent, "source": "email_engine", "timestamp": DAY}


def _nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def _subject(sent: dict[str, Any]) -> tuple[str, str]:
    return "contact", str(sent["payload"]["contactId"])


@pytest.mark.parametrize("how", READ)
def test_an_event_is_read(lab: Lab, how: str) -> None:
    sent = _opened()
    READ[how](sent)
    partition, offset = lab.send(sent)
    # Not the ids' encoding of other scripts: of that the contract says only that it is JSON.
    execution = execution_id(FLOW, sent, _subject(sent)) if how != "text of any script" else _found(lab, sent["id"])
    end = lab.ended(execution)
    assert end["input"] == {"topic": OPENS, "partition": partition, "offset": offset}
    assert end["subject"] == {"type": "contact", "id": _subject(sent)[1]}
    trigger = end["trigger"]
    assert (trigger["eventId"], trigger["type"], trigger["source"]) == (str(sent["id"]), "email_open", sent["source"])
    assert end["steps"][0]["output"] == sent["payload"] or how == "depth 60"
    if sent.get("timestamp") == DAY:
        assert trigger["timestamp"] == DAY
    elif sent.get("timestamp"):
        assert trigger["timestamp"] == "2026-11-01T10:30:00.500Z"


def test_an_event_without_id_gets_one_of_its_place_and_record_timestamp(lab: Lab) -> None:
    sent = _opened()
    del sent["id"], sent["timestamp"]
    lab.send(sent, timestamp=1_790_000_000_123)

    def found() -> dict[str, Any] | None:
        records = (one.json for one in lab.on(FEED) if sent["payload"]["contactId"].encode() == one.key)
        return next((record for record in records if "seq" in record), None)

    record = until(found, 10.0, "the execution")
    trigger = record["trigger"]
    assert trigger["timestamp"] == "2026-09-21T14:13:20.123Z"
    assert record["executionId"] == derived("x", FLOW, "email_engine", *_subject(sent), trigger["eventId"])


@pytest.mark.parametrize("mode", ["binary", "structured", "binary with payload and metadata", "structured, whole"])
def test_a_cloud_event_is_read_in_both_modes(lab: Lab, mode: str) -> None:
    sent = _opened()
    attributes = {
        "specversion": "1.0", "id": str(uuid4()), "type": "email_open", "source": "cloud",
        "time": "2026-11-02T00:00:00Z",
    }  # fmt: skip
    inner = {"payload": sent["payload"], "metadata": sent["metadata"]}
    is_whole = mode in {"binary", "structured, whole"}
    data = sent if is_whole else inner
    if mode.startswith("binary"):
        headers = [("content-type", b"application/json")]
        headers += [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
        value = json.dumps(data)
    else:
        headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
        value = json.dumps({**attributes, "datacontenttype": "application/json", "data": data})
    lab.put(OPENS, value.encode(), sent["payload"]["contactId"].encode(), headers=headers)
    expected = sent if is_whole else {**attributes, "timestamp": attributes["time"]}
    end = lab.ended(execution_id(FLOW, expected, _subject(sent)))
    assert (end["trigger"]["source"], end["trigger"]["timestamp"]) == (expected["source"], expected["timestamp"])


KEYS: dict[str, tuple[bytes | None, int]] = {
    "no key": (None, 0),
    "another key": (b"somebody else", -1),
    **{f"its key in partition {number}": (b"=", number) for number in range(PARTITIONS)},
}


@pytest.mark.parametrize("how", KEYS)
def test_a_record_that_lies_elsewhere_is_decided_where_its_subject_lives(lab: Lab, how: str) -> None:
    key, partition = KEYS[how]
    sent = event("asset_uploaded", "u-in-asset", assetId=f"asset-{how}")
    own = sent["payload"]["assetId"].encode()
    at = lab.put(EVENT_TOPICS["asset_uploaded"], json.dumps(sent).encode(), own if key == b"=" else key,
                 partition=partition)  # fmt: skip
    execution = execution_id(flow_id("u-in-asset", "in"), sent, ("asset", sent["payload"]["assetId"]))
    end = lab.ended(execution)
    # It keeps its origin.
    assert end["input"] == {"topic": EVENT_TOPICS["asset_uploaded"], "partition": at[0], "offset": at[1]}
    (record,) = [one for one in lab.on(FEED) if execution.encode() in (one.value or b"")]
    home, _ = lab.put(EVENT_TOPICS["context_updated"], b'{"type":"t","source":"s","payload":{}}', own)
    assert (record.key, record.partition) == (own, home)


def test_the_same_event_again_changes_nothing_and_is_recorded(lab: Lab) -> None:
    sent = _opened()
    lab.send(sent)
    lab.ended(execution_id(FLOW, sent, _subject(sent)))
    lab.send(sent)
    decision = lab.decision(sent["id"])
    for name, value in {
        "decision": "suppressed", "reason": "duplicate_event", "flowId": None, "userId": "u-in", "workspaceId": None,
        "subject": {"type": "contact", "id": sent["payload"]["contactId"]}, "eventId": sent["id"],
    }.items():  # fmt: skip
        assert decision[name] == value, name
    assert decision["at"].endswith("Z")
    # The same id of another source, or about another subject, is another event.
    for other in ({**sent, "source": "other"}, {**sent, "payload": {"contactId": str(uuid4())}}):
        lab.send(other)
        lab.ended(execution_id(FLOW, other, _subject(other)))
    assert len(lab.decisions(sent["id"])) == 1
    assert len(lab.story(execution_id(FLOW, sent, _subject(sent)))) == 1


@pytest.mark.parametrize("lacks", ["scope", "subject", "scope, and deep"])
def test_an_event_without_scope_or_subject_is_on_the_feed_as_unscoped(lab: Lab, lacks: str) -> None:
    sent = event("email_open", None if "scope" in lacks else "u-in", campaignId="k", contactId="c")
    if lacks == "subject":
        # The user is the last resort of a subject, so only a workspace has a scope and no subject.
        sent["payload"], sent["metadata"] = {"emailId": "m"}, {"workspaceId": "w"}
    if "deep" in lacks:
        sent["metadata"] = None
    lab.send(sent)
    decision = lab.decision(sent["id"])
    assert (decision["decision"], decision["reason"], decision["flowId"]) == ("suppressed", "unscoped", None)
    assert decision["subject"] == (None if lacks == "subject" else {"type": "contact", "id": "c"})


def test_an_event_reaches_the_flows_of_its_scope_and_no_others(lab: Lab) -> None:
    contact = str(uuid4())
    of_user, of_workspace = (event("email_open", "u-scope", contactId=contact) for _ in range(2))
    of_workspace["metadata"]["workspaceId"] = "w-scope"
    lab.send(of_user)
    lab.send(of_workspace)
    user_flow = flow_id("u-scope", "of user")
    workspace_flow = derived("flow", "u-scope", "w-scope", "of workspace")
    lab.ended(execution_id(user_flow, of_user, ("contact", contact)))
    end = lab.ended(execution_id(workspace_flow, of_workspace, ("contact", contact)))
    assert (end["userId"], end["workspaceId"]) == ("u-scope", "w-scope")
    last = event("email_open", "u-scope", contactId=contact)
    lab.send(last)
    lab.ended(execution_id(user_flow, last, ("contact", contact)))
    assert not lab.story(execution_id(user_flow, of_workspace, ("contact", contact)))
    assert not lab.story(execution_id(workspace_flow, of_user, ("contact", contact)))
    for flow in [flow_id("w-scope", "of a user named like it")]:
        assert not lab.story(execution_id(flow, of_workspace, ("contact", contact)))


def test_a_flow_of_a_workspace_alone_has_nobody_to_tell(lab: Lab) -> None:
    sent = event("email_open", "u-somebody", contactId=str(uuid4()))
    sent["metadata"]["workspaceId"] = "w-alone"
    lab.send(sent)
    end = lab.ended(execution_id(derived("flow", None, "w-alone", "of workspace alone"), sent, _subject(sent)))
    assert (end["status"], end["userId"], end["workspaceId"]) == ("failed", None, "w-alone")
    assert "userId" in end["error"]["message"]


@pytest.mark.parametrize(("kind", "depth", "is_held"), [
    ("segment_updated", 10, False), ("segment_updated", 11, True), ("email_open", 11, False),
])  # fmt: skip
def test_what_commands_cause_again_and_again_is_suppressed(lab: Lab, kind: str, depth: int, is_held: bool) -> None:
    user, name = ("u-depth", "depth") if kind == "segment_updated" else ("u-in", "in")
    sent = event(kind, user, contactId=str(uuid4()))
    sent["metadata"] |= {"causedBy": "some command", "depth": depth}
    lab.send(sent)
    execution = execution_id(flow_id(user, name), sent, _subject(sent))
    if is_held:
        assert lab.decision(sent["id"])["reason"] == "too_deep"
        assert not lab.story(execution)
    else:
        lab.ended(execution)


# ---- what is no event

GOOD = {"type": "email_open", "source": "s", "payload": {"contactId": "c"}, "metadata": {"userId": "u-in"}}
POISON: dict[str, bytes] = {
    "no JSON": b"{\xff not json",
    "nothing": b"",
    "the word null": b"null",
    "a list": b"[]",
    "a text": b'"text"',
    "half an object": b'{"type": "email_open"',
    "no type": json.dumps({**GOOD, "type": None}).encode(),
    "an empty type": json.dumps({**GOOD, "type": ""}).encode(),
    "a type that is a number": json.dumps({**GOOD, "type": 3}).encode(),
    "no source": json.dumps({**GOOD, "source": None}).encode(),
    "no payload": json.dumps({**GOOD, "payload": None}).encode(),
    "a payload that is a list": json.dumps({**GOOD, "payload": []}).encode(),
    "metadata that are a text": json.dumps({**GOOD, "metadata": "m"}).encode(),
    "a bad timestamp": json.dumps({**GOOD, "timestamp": "yesterday"}).encode(),
    "a timestamp that is a number": json.dumps({**GOOD, "timestamp": 1_790_000_000}).encode(),
    "an id that is an object": json.dumps({**GOOD, "id": {}}).encode(),
    "a subject that is an object": json.dumps({**GOOD, "payload": {"contactId": {}}}).encode(),
    "a subject that is empty": json.dumps({**GOOD, "payload": {"contactId": ""}}).encode(),
    "depth 65": json.dumps({**GOOD, "payload": {"contactId": "c", "deep": _nested(63)}}).encode(),
    "depth 100000": b"[" * 100_000 + b"]" * 100_000,
    "more than 1 MiB": json.dumps({**GOOD, "payload": {"contactId": "c", "text": "x" * 1024 * 1024}}).encode(),
}


@pytest.mark.parametrize("what", POISON)
def test_what_cannot_be_read_is_kept_byte_for_byte_and_the_partition_goes_on(lab: Lab, what: str) -> None:
    key = f"poison {what}".encode()
    given = [("own", b"\x00\xff"), ("content-type", b"application/json")]
    partition, offset = lab.put(OPENS, POISON[what], key, headers=given, timestamp=1_790_000_000_000)
    letter = lab.letter(OPENS, partition, offset)
    assert (letter.key, letter.value) == (key, POISON[what])
    headers = dict(letter.headers)
    assert headers["error"].decode()
    assert headers["topic"] == OPENS.encode()
    assert (headers["partition"], headers["offset"]) == (b"%d" % partition, b"%d" % offset)
    assert headers["timestamp"] == b"2026-09-21T14:13:20Z"
    assert set(given) <= set(letter.headers)
    sent = _opened()
    lab.put(OPENS, json.dumps(sent).encode(), b"whoever", partition=partition)
    lab.ended(execution_id(FLOW, sent, _subject(sent)))


def test_depth_64_and_a_whole_mebibyte_are_read(lab: Lab) -> None:
    deep, long = _opened(), _opened()
    deep["payload"]["deep"] = _nested(62)
    long["payload"]["text"] = ""
    long["payload"]["text"] = "x" * (1024 * 1024 - len(json.dumps(long)))
    for sent in (deep, long):
        lab.send(sent)
        lab.ended(execution_id(FLOW, sent, _subject(sent)))
    # What the trigger gave is cut on the feed.
    step = lab.story(execution_id(FLOW, long, _subject(long)))[0]["steps"][0]
    assert step["truncated"] is True
    assert len(json.dumps(step["output"])) <= 4096


def test_a_record_without_value_and_a_type_nobody_knows_are_no_errors(lab: Lab) -> None:
    contact = str(uuid4())
    unknown = {**_opened(), "type": "something_new"}
    unknown["payload"]["contactId"] = contact
    places = [
        lab.put(OPENS, None, contact.encode()),
        lab.put(OPENS, json.dumps(unknown).encode(), contact.encode()),
    ]
    sent = {**_opened(), "payload": {"contactId": contact}}
    lab.send(sent)
    lab.ended(execution_id(FLOW, sent, _subject(sent)))
    headers = [dict(letter.headers) for letter in lab.on(DEAD_LETTERS)]
    for partition, offset in places:
        assert not [one for one in headers if (one["partition"], one["offset"], one["topic"])
                    == (b"%d" % partition, b"%d" % offset, OPENS.encode())]  # fmt: skip


def test_dead_letters_are_listed_shown_and_put_back(lab: Lab) -> None:
    value = b'{"no": "event", "n": "%s"}' % uuid4().hex.encode()
    partition, offset = lab.put(OPENS, value, b"redriven", headers=[("own", b"1")])
    lab.letter(OPENS, partition, offset)
    letter_id = f"{OPENS}:{partition}:{offset}"
    assert letter_id in [letter["id"] for letter in lab.rows("dead-letters", "list")]
    (shown,) = lab.rows("dead-letters", "show", letter_id)
    assert (shown["id"], shown["value"], shown["key"]) == (letter_id, value.decode(), "redriven")
    refused = lab.mal("dead-letters", "redrive", f"{OPENS}:0:999999")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "999999" in refused.stderr
    assert [one["id"] for one in lab.rows("dead-letters", "redrive", letter_id)] == [letter_id]
    # It is as bad as before, and comes back: the same bytes, key and headers.
    again = until(
        lambda: [one for one in lab.on(DEAD_LETTERS) if one.value == value and dict(one.headers).get("offset")
                 not in {None, b"%d" % offset}], 10.0, "the letter again",
    )[0]  # fmt: skip
    assert again.key == b"redriven"
    assert [header for header in again.headers if header[0] == "own"] == [("own", b"1")]
    (shown,) = lab.rows("dead-letters", "show", letter_id)
    assert shown["redriven"]


def _found(lab: Lab, event_id: str) -> str:
    def look() -> str | None:
        records = (one.json for one in lab.on(FEED) if event_id.encode() in (one.value or b""))
        return next((str(record["executionId"]) for record in records if "seq" in record), None)

    return until(look, 10.0, f"an execution of {event_id}")
