"""One rendering of one config: what it reads, and how much it may make. Knows no template engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.context import Context
from engine.types import Json

MAX_OUTPUT_CHARS: Final = 1024 * 1024
"""Of one rendered config; a command may be half of it (contract.md section 4)."""
MAX_FILTERED_CHARS: Final = 4 * MAX_OUTPUT_CHARS
"""Of everything that the filters of one config make on the way."""
MAX_STEPS: Final = 100_000
"""Tags, outputs and look-ups of one config, each round of a loop anew."""
MAX_LOOKED_AT_CHARS: Final = 32 * MAX_OUTPUT_CHARS
"""Of the values that one config looks at, written out, each time it does."""


class TemplateError(ValueError):
    """A text is no template, or could not be rendered; the message names it and says what is wrong."""


class Rendering:
    """What all templates of one config share while they are rendered."""

    __slots__ = ("_chars", "_filtered", "_known", "_looks", "_steps", "context")

    def __init__(self, context: Context) -> None:
        self.context = context
        self._chars = MAX_OUTPUT_CHARS
        self._filtered = MAX_FILTERED_CHARS
        self._steps = MAX_STEPS
        self._looks = MAX_LOOKED_AT_CHARS
        self._known: dict[int, tuple[object, int]] = {}

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

    def step(self) -> None:
        """Take one step of those that the config may take.

        Raises:
            TemplateError: there is no more.
        """
        self._steps -= 1
        if self._steps < 0:
            raise TemplateError(f"the config takes more than {MAX_STEPS} steps; use fewer tags in loops")

    def look_at(self, value: object) -> None:
        """Pay for looking at a value, with everything in it: it may be compared, searched or copied.

        Raises:
            TemplateError: there is no more.
        """
        if isinstance(value, str):
            self._looks -= len(value)
        elif isinstance(value, (list, tuple, Mapping)):
            # The same few values are looked at in each round of a loop. Kept, so that no other takes its id.
            if id(value) not in self._known:
                self._known[id(value)] = value, len(repr(value))
            self._looks -= self._known[id(value)][1]
        if self._looks < 0:
            raise TemplateError(f"the config looks at more than {MAX_LOOKED_AT_CHARS} characters; use less in loops")


Part = Callable[[Rendering], Json]
"""A compiled value: gives what it is for one rendering."""
