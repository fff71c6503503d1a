"""What today's code tells beside a stored history, with what differs in words: which record, where, was, is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

SHOWN = 20
"""So many differences are told; the first says where to look."""
ABSENT = "nothing"


def check_told_again(history: Path, told: bytes, command: str) -> None:
    """Fail where a history is not told again byte for byte, naming each difference.

    Args:
        history: one record a line.
        told: the same, by today's code.
        command: writes the history anew, after a change that is meant.
    """
    stored = history.read_bytes()
    if stored == told:
        return
    found = list(differences(*([orjson.loads(line) for line in text.splitlines()] for text in (stored, told))))
    lines = found[:SHOWN] or ["the same values, written in another way"]
    if len(found) > SHOWN:
        lines.append(f"… and {len(found) - SHOWN} more")
    raise AssertionError(
        "\n".join([f"{history.name} is told in another way:", *lines, f"If that is meant: python -m {command}"])
    )


def differences(stored: list[Any], told: list[Any]) -> Iterator[str]:
    """Yield what differs between two histories."""
    for number in range(max(len(stored), len(told))):
        record = stored[number] if number < len(stored) else told[number]
        what = f"seq {record['seq']}" if "seq" in record else record["decision"]
        place = f"record {number + 1} ({what} of {record.get('executionId') or record.get('eventId')})"
        if number >= len(stored):
            yield f"{place} is new"
        elif number >= len(told):
            yield f"{place} is not told any more"
        else:
            yield from (f"{place}: {path} was {was}, is {now}" for path, was, now in _within("", record, told[number]))


def _within(path: str, stored: Any, told: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(stored, dict) and isinstance(told, dict):
        for name in [*stored, *(name for name in told if name not in stored)]:
            within = f"{path}.{name}" if path else name
            if name in stored and name in told:
                yield from _within(within, stored[name], told[name])
            else:
                yield within, _shown(stored, name), _shown(told, name)
    elif isinstance(stored, list) and isinstance(told, list) and len(stored) == len(told):
        for place, (was, now) in enumerate(zip(stored, told, strict=True)):
            yield from _within(f"{path}[{place}]", was, now)
    elif stored != told:
        yield path, _short(stored), _short(told)


def _shown(of: dict[str, Any], name: str) -> str:
    return _short(of[name]) if name in of else ABSENT


def _short(value: Any) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 120 else f"{text[:117]}..."
