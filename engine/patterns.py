"""Regular expressions that take linear time on any text: the one module that names google-re2.

An event's text can be anything, so a pattern that backtracks could stop a shard. It knows nothing of nodes or flows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import re2

MAX_PATTERN_CHARACTERS = 1_000
"""Longer patterns are refused at publish; one of a thousand characters is no longer one that a person reads."""


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
        PatternError: the pattern is not valid; `check_pattern` at publish keeps this from happening.
    """
    compiled = _compiled(pattern)
    try:
        return compiled.search(text) is not None
    except UnicodeEncodeError:  # half of a surrogate pair: no character, so nothing a pattern could name
        return False


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> Any:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise PatternError(f"a pattern of {len(pattern)} characters; the most is {MAX_PATTERN_CHARACTERS}")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise PatternError(f"{pattern!r} is no regular expression: {reason}") from error
    except UnicodeEncodeError as error:
        raise PatternError(f"{pattern!r} is no regular expression: it holds half of a character") from error
