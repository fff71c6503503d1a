"""W3C trace context: read by its rules, kept with the event, ignored where it is none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from engine.events import Event
from streams.events import decode
from streams.trace_context import MAX_STATE_CHARS, Trace, derived, read_trace

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-00"


def event(headers: list[tuple[str, bytes]], **fields: Any) -> Event:
    value = {"type": "email_open", "source": "s", "payload": {"contactId": "c"}, **fields}
    record = SimpleNamespace(
        topic="t", partition=0, offset=0, timestamp=1, key=None, value=orjson.dumps(value), headers=headers
    )
    found = decode(record)
    assert found is not None
    return found


def test_it_is_read_and_written_back() -> None:
    trace = read_trace(PARENT)
    assert trace == Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", 1)
    assert trace.is_sampled
    assert trace.wire() == PARENT
    assert read_trace(OTHER) is not None
    assert not read_trace(OTHER).is_sampled  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "text",
    [
        None, 7, "", "00-1-2-01", PARENT.upper(), f"{PARENT}-more", f"ff{PARENT[2:]}",
        f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-4bf92f3577b34da6a3ce929d0e0e4736-{'0' * 16}-01",
    ],
)  # fmt: skip
def test_what_is_none_is_ignored(text: Any) -> None:
    assert read_trace(text) is None
    if isinstance(text, str):
        assert "traceparent" not in event([("traceparent", text.encode())]).metadata


def test_a_version_to_come_may_say_more() -> None:
    assert read_trace(f"01{PARENT[2:]}-more") is not None


def test_the_header_is_kept_with_the_event_and_wins() -> None:
    for name in ("traceparent", "Traceparent", "ce_traceparent"):
        kept = event([(name, PARENT.encode())], metadata={"userId": "u", "traceparent": OTHER, "tracestate": "old=1"})
        assert kept.metadata == {"userId": "u", "traceparent": PARENT}
    assert event([], metadata={"traceparent": OTHER}).metadata == {"traceparent": OTHER}
    assert event([("traceparent", PARENT.encode())]).metadata == {"traceparent": PARENT}


def test_the_state_goes_along_unless_it_is_too_long() -> None:
    long = b"a=" + b"x" * MAX_STATE_CHARS
    for state, kept in ((b"a=1", {"tracestate": "a=1"}), (long, {}), (b"", {})):
        found = event([("traceparent", PARENT.encode()), ("tracestate", state)])
        assert found.metadata == {"traceparent": PARENT, **kept}


def test_a_cloud_event_may_say_it_in_both_modes() -> None:
    binary = [("ce_specversion", b"1.0"), ("ce_traceparent", PARENT.encode())]
    assert event(binary).metadata["traceparent"] == PARENT
    inner = {"payload": {"contactId": "c"}}
    structured = event(
        [("content-type", b"application/cloudevents+json")], specversion="1.0", id="i", traceparent=PARENT, data=inner
    )
    assert structured.metadata["traceparent"] == PARENT


def test_metadata_that_is_none_is_still_told_as_wrong() -> None:
    with pytest.raises(ValueError, match="metadata must be an object"):
        event([("traceparent", PARENT.encode())], metadata=[1])


def test_the_same_names_give_the_same_id() -> None:
    assert derived(16, "send", "c", 1) == derived(16, "send", "c", 1)
    assert len({derived(16, "send", "c", 1), derived(16, "send", "c", 2), derived(16, "decide", "c", 1)}) == 3
    assert read_trace(f"00-{derived(32, 'trace', 'x')}-{derived(16, 'send', 'c')}-01")
