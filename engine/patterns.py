"""Regular expressions that take linear time on any text: the one module that names google-re2.

An event's text can be anything, so a pattern that backtracks could stop a shard. It knows nothing of nodes or flows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

MAX_PATTERN_CHARACTERS = 1_000
"""Longer patterns are refused at publish; one of a thousand characters is no longer one that a person reads."""
MAX_PATTERN_BYTES = 1024 * 1024
"""Of memory that one pattern may take, compiled and at work (RE2's own choice: 8 MiB)."""
MAX_WORK = 200_000_000
"""The size of a compiled pattern times the characters of a text: the most that looking for it can cost."""
_KEPT = 256
"""Compiled patterns in memory."""


class PatternError(ValueError):
    """A text is not a regular expression that RE2 takes; the message says what is wrong and where."""


def check_pattern(pattern: str) -> None:
    """Check a regular expression (RE2 syntax: no back-references, no look-around).

    Raises:
        PatternError: it is too long or not valid.
    """
    _compiled(pattern)


def finds(pattern: str, text: str) -> bool:
    """Whether a regular expression matches anywhere in a text. Anchor it with `^` and `$` for all of it.

    Raises:
        PatternError: the pattern is not valid, which `check_pattern` finds at publish, or too large for so long a text.
    """
    compiled = _compiled(pattern)
    if compiled.programsize * len(text) > MAX_WORK:
        size = f"{compiled.programsize:,} steps"
        raise PatternError(f"{pattern!r:.80} takes {size} for each of {len(text):,} characters, which is too much")
    try:
        return compiled.search(text) is not None
    except UnicodeEncodeError:  # half of a surrogate pair: no character, so nothing a pattern could name
        return False


@lru_cache(maxsize=_KEPT)
def _compiled(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise PatternError(f"a pattern of {len(pattern)} characters; the most is {MAX_PATTERN_CHARACTERS}")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_PATTERN_BYTES
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise PatternError(f"{pattern!r} is no regular expression: {reason}") from error
    except UnicodeEncodeError as error:
        raise PatternError(f"{pattern!r} is no regular expression: it holds half of a character") from error
