"""Times on the wire, written by hand for speed, so checked against the standard library; and models as objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.graph import build_graph, validate_graph
from engine.wire import FIRST_MS, LAST_MS, parse_rfc3339, rfc3339


@given(st.integers(FIRST_MS, LAST_MS))
def test_a_time_is_written_as_the_calendar_has_it(timestamp_ms: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=timestamp_ms)
    text = moment.isoformat(timespec="milliseconds" if timestamp_ms % 1000 else "seconds")
    assert rfc3339(timestamp_ms) == text.replace("+00:00", "Z")


@given(st.integers(0, LAST_MS))
def test_what_is_written_is_read_the_same(timestamp_ms: int) -> None:
    assert parse_rfc3339(rfc3339(timestamp_ms)) == timestamp_ms


@pytest.mark.parametrize("timestamp_ms", [FIRST_MS - 1, LAST_MS + 1, 10**20])
def test_what_no_calendar_has_is_refused(timestamp_ms: int) -> None:
    with pytest.raises(OverflowError):
        rfc3339(timestamp_ms)


def test_a_model_reads_like_the_object_it_stands_for() -> None:
    verdict = validate_graph(build_graph([], []))
    assert verdict["isValid"] is verdict.get("isValid") is False
    assert "isValid" in verdict
    assert "is_valid" not in verdict
    assert verdict.get("other", 5) == 5
    assert verdict["errors"][0]["message"] == verdict.errors[0].get("message")
    with pytest.raises(KeyError):
        verdict["other"]
