"""A dead letter has the bytes of its record, names where that came from, and can be read back."""

from __future__ import annotations

from typing import Any

import pytest

from engine.types import Subject
from streams import dead_letters
from streams.dead_letters import dead_letter
from streams.letters import Letter, Redriven, read_letter, redriven_note
from streams.topics import DEAD_LETTERS, TRIGGERS
from streams.triggers import rekey_record
from streams.unit import Output
from tests.streams.records import AT_MS, OPEN, TOPIC, record, written

HEADERS = (("error", b"of its own"), ("timestamp", b"now"), ("trace", b"1"))
AT = "2026-11-01T10:29:59.123Z"


def read(output: Output) -> Letter:
    letter = read_letter(written(output))
    assert isinstance(letter, Letter)
    return letter


def test_the_record_is_kept_byte_for_byte_with_five_headers_of_ours() -> None:
    output = dead_letter(record(b"\xff\x00", HEADERS, key=b"\xfe"), "is no JSON", 2)
    assert (output.topic, output.partition, output.key, output.value) == (DEAD_LETTERS, 2, b"\xfe", b"\xff\x00")
    assert output.headers == (
        *HEADERS,
        ("error", b"is no JSON"),
        ("topic", TOPIC.encode()),
        ("partition", b"2"),
        ("offset", b"41"),
        ("timestamp", AT.encode()),
    )
    letter = read(output)
    assert letter.id == f"{TOPIC}:2:41"
    assert (letter.key, letter.value, letter.headers) == (b"\xfe", b"\xff\x00", HEADERS)
    assert letter.summary() == {"id": letter.id, "timestamp": AT, "error": "is no JSON", "redriven": None}
    assert letter.wire()["value"] == {"base64": "/wA="}
    assert letter.wire()["headers"][0] == {"name": "error", "value": "of its own"}


def test_a_re_keyed_record_names_where_it_came_from() -> None:
    key, value, headers = rekey_record(record(OPEN, HEADERS, key=None), Subject("contact", "c"))
    letter = read(dead_letter(written(Output(TRIGGERS, 5, key, value, headers)), "why", 5))
    assert letter.id == f"{TOPIC}:2:41"
    assert (letter.key, letter.headers, letter.timestamp) == (None, HEADERS, AT)


@pytest.mark.parametrize("timestamp", [-1, 2**62])
def test_any_timestamp_can_be_told(timestamp: int) -> None:
    assert read(dead_letter(record(b"", timestamp=timestamp), "why", 0)).timestamp


def test_only_what_kafka_could_not_take_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "MAX_LETTER_BYTES", 4)
    monkeypatch.setattr(dead_letters, "MAX_HEADER_BYTES", 4)
    letter = read(dead_letter(record(b"12345", (("a", b"123"), ("b", b"1"))), "why", 0))
    assert (letter.value, letter.truncated, letter.headers) == (b"1234", True, (("a", b"123"),))
    assert not read(dead_letter(record(b"1234"), "why", 0)).truncated


def test_a_note_of_a_redrive_is_no_letter() -> None:
    letter = read(dead_letter(record(b"x"), "why", 3))
    note = redriven_note(letter, AT_MS, 3)
    assert read_letter(written(note)) == Redriven(letter.id, AT)


@pytest.mark.parametrize(
    "strange",
    [
        record(b"x", topic=DEAD_LETTERS),
        record(b"x", HEADERS, topic=DEAD_LETTERS),
        record(b"x", (("redriven", b"t:1:2"),), topic=DEAD_LETTERS),
        record(b"[1]", (("redriven", b"t:1:2"),), topic=DEAD_LETTERS),
        record(
            b"x",
            (("error", b"e"), ("topic", b"t"), ("partition", b"one"), ("offset", b"2"), ("timestamp", b"")),
            topic=DEAD_LETTERS,
        ),
    ],
)
def test_what_others_have_put_there_is_passed_over(strange: Any) -> None:
    assert read_letter(strange) is None
