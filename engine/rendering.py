"""One rendering of one config: what it reads, and how much it may make. Knows no template engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from engine.context import Context
from engine.types import Json

MAX_OUTPUT_CHARS: Final = 1024 * 1024
"""Of one rendered config; a command may be half of it (contract.md section 4)."""
MAX_FILTERED_CHARS: Final = 4 * MAX_OUTPUT_CHARS
"""Of everything that the filters of one config make on the way."""


class TemplateError(ValueError):
    """A text is no template, or could not be rendered; the message names it and says what is wrong."""


class Rendering:
    """What all templates of one config share while they are rendered."""

    __slots__ = ("_chars", "_filtered", "context")

    def __init__(self, context: Context) -> None:
        self.context = context
        self._chars = MAX_OUTPUT_CHARS
        self._filtered = MAX_FILTERED_CHARS

    def spend(self, chars: int) -> None:
        """Take from what the config may hold.

        Raises:
            TemplateError: there is no more.
        """
        self._chars -= chars
        if self._chars < 0:
            raise TemplateError(f"the config would be more than {MAX_OUTPUT_CHARS} characters; shorten it")

    def spend_on_filters(self, chars: int) -> None:
        """Take from what filters may make on the way.

        Raises:
            TemplateError: there is no more.
        """
        self._filtered -= chars
        if self._filtered < 0:
            raise TemplateError(f"filters would make more than {MAX_FILTERED_CHARS} characters; use fewer")


Part = Callable[[Rendering], Json]
"""A compiled value: gives what it is for one rendering."""
