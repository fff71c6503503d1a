"""How a process of ours logs: one entry a line on stderr, with time, level, where it comes from, and ids as fields.

As text for people, or as JSON for machines. What is secret is masked wherever it turns up; payloads are never logged.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final

import structlog
from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

from streams.settings import MASK, LogFormat

LIBRARIES: Final = ("aiohttp", "aiokafka", "asyncio", "faust", "kafka", "mode", "opentelemetry", "streams.batching")
"""They tell of every fetch and rejoin, as do the services of Faust that we extend; only warnings are worth a line."""
PASSING: Final = ("GroupCoordinatorNotAvailableError", "GroupLoadInProgressError", "NotLeaderForPartitionError")
"""What a broker answers while it starts or a topic is new. aiokafka logs it as an error and asks again a moment later;
where it does not pass, whoever waits for it gives up and says so."""
REPEATED_SECONDS: Final = 10.0
"""While a broker is away aiokafka tries again, and says so, up to a hundred times a second and client."""
_MOST_TEXTS: Final = 1_000
LEAST_SECRET_CHARS: Final = 6
"""What is shorter is masked only where it stands as a password: it would be found in the middle of words."""

_IN_URI: Final = re.compile(r"(?P<user>://[^\s:/@\"']*):[^\s/@\"']+@")
_AS_PARAMETER: Final = re.compile(r"(?P<name>\bpass(?:word|wd)[\"']?\s*[=:]\s*)[\"']?[^\s&,;\"'*]+", re.IGNORECASE)


class Repeats(logging.Filter):
    """Lets the same line of a library through once in ten seconds, with how many there were like it."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        """Logger and text → when it was said last, and how often it was not since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether a record is let through."""
        if not record.name.startswith(LIBRARIES):
            return True
        line = record.name, record.getMessage()
        said_at, held_back = self._said.get(line, (0.0, 0))
        if 0 <= record.created - said_at < REPEATED_SECONDS:
            self._said[line] = said_at, held_back + 1
            return False
        if len(self._said) >= _MOST_TEXTS:
            self._said.clear()
        self._said[line] = record.created, 0
        if held_back:
            record.msg, record.args = f"{line[1]} (and {held_back} times more since)", None
        return True


def configure_logging(level: str, form: LogFormat = "text", secrets: Iterable[str] = ()) -> None:
    """Send the log to stderr, in UTC.

    Args:
        level: DEBUG, INFO, WARNING or ERROR, for what is ours; libraries log warnings and errors, whatever it is.
        form: for people, or for machines: one JSON object a line, with ids as fields of their own.
        secrets: what must never be read in it.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(_MaskingFormatter(form, secrets))
    handler.addFilter(_is_no_passing_trouble)
    handler.addFilter(Repeats())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))


class _MaskingFormatter(ProcessorFormatter):
    def __init__(self, form: LogFormat, secrets: Iterable[str]) -> None:
        super().__init__(
            foreign_pre_chain=[
                add_log_level,
                add_logger_name,
                ExtraAdder(),
                structlog.processors.TimeStamper("iso", utc=True),
                structlog.processors.format_exc_info,
            ],
            processors=[ProcessorFormatter.remove_processors_meta, _as_json if form == "json" else _as_text],
        )
        known = sorted({one for one in secrets if len(one) >= LEAST_SECRET_CHARS}, key=len, reverse=True)
        # In JSON it may stand with its quotes escaped.
        self._secrets = list(dict.fromkeys([*known, *(json.dumps(one)[1:-1] for one in known)]))

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, MASK)
        return _AS_PARAMETER.sub(rf"\g<name>{MASK}", _IN_URI.sub(rf"\g<user>:{MASK}@", line))


def _as_json(_logger: Any, _name: str, entry: MutableMapping[str, Any]) -> str:
    head = {"timestamp": entry.pop("timestamp"), "level": entry.pop("level"), "logger": entry.pop("logger")}
    return json.dumps({**head, "message": entry.pop("event"), **entry}, default=str, ensure_ascii=False)


def _as_text(_logger: Any, _name: str, entry: MutableMapping[str, Any]) -> str:
    time, level, logger = entry.pop("timestamp"), str(entry.pop("level")).upper(), entry.pop("logger")
    message, traceback = entry.pop("event"), entry.pop("exception", None)
    line = f"{time} {level:<7} {logger}: {message}{_fields(entry)}"
    return f"{line}\n{traceback}" if traceback else line


def _fields(entry: Mapping[str, Any]) -> str:
    shown = " ".join(f"{name}={value}" for name, value in entry.items())
    return f" [{shown}]" if shown else ""


def _is_no_passing_trouble(record: logging.LogRecord) -> bool:
    return not (record.name.startswith("aiokafka") and any(word in record.getMessage() for word in PASSING))
