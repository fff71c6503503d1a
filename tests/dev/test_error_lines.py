"""Errors of a part's log reach the terminal, once each, and never as a flood."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev.error_lines import MOST_LINES, ErrorLines


@pytest.mark.parametrize(
    "line",
    [
        "[2026-11-24 16:00:00,000] [42] [ERROR] [^Worker]: Error: crashed",
        "2026-11-24 16:00:00 [error    ] transaction aborted            partition=3",
        '{"level": "critical", "event": "fenced"}',
        "Traceback (most recent call last):",
        "2026-11-24T16:00:00,000 FATAL Exiting Kafka",
    ],
)
def test_lines_that_tell_of_an_error_are_picked(tmp_path: Path, line: str) -> None:
    log = tmp_path / "log"
    log.write_text("[error] of the run before\n")
    lines = ErrorLines(log)
    with log.open("a") as more:
        more.write(f'an {{"error": null}} in passing\n{line}\n[error] not wr')
    assert lines.read(0.0) == [line]
    assert lines.read(1.0) == []
    with log.open("a") as more:
        more.write("itten to its end\n")
    assert lines.read(2.0) == ["[error] not written to its end"]


def test_a_flood_is_cut_and_says_where_the_rest_is(tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = ErrorLines(log)
    log.write_text("[error] again\n" * 1000)
    assert lines.read(100.0) == [*["[error] again"] * MOST_LINES, f"… more of them in {log}"]
    with log.open("a") as more:
        more.write("[error] again\n")
    assert lines.read(101.0) == []
    with log.open("a") as more:
        more.write("[error] later\n")
    assert lines.read(111.0) == ["[error] later"]


def test_a_log_that_begins_anew_is_read_from_its_beginning(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("long\n" * 10)
    lines = ErrorLines(log)
    log.write_text("[error] new\n")
    assert lines.read(100.0) == ["[error] new"]


def test_the_last_words_are_those_of_this_life(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of the run before\n")
    lines = ErrorLines(log)
    for life in ("first", "second"):
        with log.open("a") as more:
            more.writelines(f"{number} of the {life}\n" for number in range(3))
        assert lines.read(0.0) == []
        assert lines.last_words(2) == [f"1 of the {life}", f"2 of the {life}"]
    assert lines.last_words(2) == []
