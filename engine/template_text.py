"""Whether a text may be given to the template engine at all: every `{{` and `{%` is closed, and soon.

The engine finds its tags by regular expressions that look again from each opening on to the end: on a text with many
that nothing closes they take quadratic time (16 s for 8,000 of them, measured). This check takes linear time. It knows
nothing of what stands in a tag.
"""

from __future__ import annotations

import re
from typing import Final

MAX_TEMPLATE_CHARS: Final = 100_000
"""Of one text with a template in it; mail programs cut messages at about as much."""
MAX_TAG_CHARS: Final = 2_000
"""From an opening to its closing: what is between costs the square of its length."""
MAX_BRACKETS: Final = 20
"""In one tag: they nest, and what nests is evaluated by recursion."""

_OPENING: Final = re.compile(r"\{[{%]")
_CLOSING: Final = {"{{": "}}", "{%": "%}"}
_VERBATIM: Final = re.compile(r"\{%-?\s*(raw|doc)\s*-?%\}")
_END_OF_VERBATIM: Final = {name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("raw", "doc")}


def text_fault(text: str) -> str | None:
    """Say what keeps a text from being compiled, or return None."""
    if len(text) > MAX_TEMPLATE_CHARS:
        return f"it has {len(text):,} characters; a text with a template may have {MAX_TEMPLATE_CHARS:,}"
    place = 0
    while opening := _OPENING.search(text, place):
        start = opening.start()
        end = text.find(_CLOSING[opening[0]], opening.end(), start + MAX_TAG_CHARS)
        if end < 0:
            closing = _CLOSING[opening[0]]
            return (
                f"expected {closing!r} within {MAX_TAG_CHARS:,} characters of the {opening[0]!r} at character {start}"
            )
        place = end + len("}}")
        if text.count("[", start, place) > MAX_BRACKETS:
            return f"the tag at character {start} has more than {MAX_BRACKETS} brackets"
        if verbatim := _VERBATIM.fullmatch(text, start, place):
            over = _END_OF_VERBATIM[verbatim[1]].search(text, place)
            if over is None:
                return f"the {verbatim[1]} at character {start} has no end{verbatim[1]}"
            place = over.end()
    return None
