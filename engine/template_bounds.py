"""Liquid, made safe to run for strangers: whatever a template says and an event holds, it ends soon and stays small.

Everything is bounded by counting, since the engine has no clock: what is written, what filters make, what is looked
at, and the steps it takes (`engine.rendering`). Filters whose cost is more than their texts are long are our own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, TextIO, cast

from liquid import Environment, Token
from liquid.builtin.output import Output, OutputNode
from liquid.context import RenderContext
from liquid.exceptions import ResourceLimitError
from liquid.filter import sequence_filter, string_filter, with_context
from liquid.template import BoundTemplate
from liquid.undefined import Undefined

from engine.context import Roots
from engine.json_values import fits_json
from engine.rendering import MAX_OUTPUT_CHARS, Rendering
from engine.template_dates import format_date
from engine.types import Json

MAX_LOOPS: Final = 10_000
"""Iterations of all loops of one text together, and the length of a range."""


# ---- values


def plain(value: Any) -> Json:
    """Make a JSON value of what an expression gave.

    Raises:
        ResourceLimitError: it is a number that JSON does not have.
    """
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (int, float, Decimal)):
        return _number(value)
    if isinstance(value, Undefined):
        return ""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [plain(item) for item in value]
    return str(value)


def text_of(value: Any) -> str:
    """Write a value into a text: nothing for null, the words of JSON, lists without anything between."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "".join(map(text_of, value))
    return str(value)


def _number(value: float | Decimal) -> Json:
    if isinstance(value, int):
        if not fits_json(value):
            raise ResourceLimitError("a number beyond 64 bits", token=None)
        return value
    if not math.isfinite(value):
        raise ResourceLimitError(f"{value} is no number that JSON has", token=None)
    return float(value)


# ---- the context


class Scope(RenderContext):
    """Liquid's view of a context: notes what is missing, and stops what grows without end."""

    __slots__ = ("_held", "_loops_left", "_sizes", "rendering")

    def __init__(self, template: BoundTemplate, rendering: Rendering) -> None:
        self.rendering = rendering
        self._loops_left = MAX_LOOPS
        self._held = 0
        self._sizes: dict[str, int] = {}
        super().__init__(template, globals=Roots(rendering.context))

    @property
    def disabled_tags(self) -> list[str]:
        """Count a step, and disable nothing: Liquid asks for this once for every tag and output that it renders."""
        self.rendering.step()
        return []

    @disabled_tags.setter
    def disabled_tags(self, _names: object) -> None:
        """Let Liquid's constructor set what is always empty here."""

    def get(self, path: list[object], **options: Any) -> object:
        """Resolve a path; what is not there is noted."""
        found = super().get(path, **options)
        if isinstance(found, Undefined):
            self.rendering.context.note_missing(".".join(map(str, path)))
        self.rendering.look_at(found)
        return found

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """Return a filter that pays for what it takes and makes."""
        function = super().filter(name, token)

        def bounded(*args: Any, **options: Any) -> object:
            for taken in args:
                self.rendering.look_at(taken)
            made = function(*args, **options)
            if isinstance(made, int):
                return _number(made)
            self.rendering.spend_on_filters(len(made) if isinstance(made, (str, list)) else 1)
            return made

        return bounded

    def assign(self, key: str, val: Any) -> None:
        """Set a variable; all of them together may hold as much as a config."""
        size = len(val) if isinstance(val, (str, list, tuple, Mapping)) else 1
        self._held += size - self._sizes.get(key, 0)
        self._sizes[key] = size
        self.locals[key] = val
        if self._held > MAX_OUTPUT_CHARS:
            raise ResourceLimitError(f"its variables hold more than {MAX_OUTPUT_CHARS} characters", token=None)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Take the rounds of a loop from what is left."""
        self._loops_left -= length
        if self._loops_left < 0:
            raise ResourceLimitError(f"its loops go round more than {MAX_LOOPS} times", token=None)


class _OutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        text = text_of(self.expression.evaluate(context))
        cast(Scope, context).rendering.spend(len(text))
        return buffer.write(text)


class _Output(Output):
    node_class = _OutputNode


class _Environment(Environment):
    output_stream_limit = MAX_OUTPUT_CHARS

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.add_tag(_Output)
        for name in ("include", "render"):  # there is nothing to include
            del self.tags[name]
        for name, function in _OURS.items():
            self.add_filter(name, function)


# ---- filters


@with_context
def _date(value: Any, pattern: Any = "", *, context: Scope) -> str:
    if isinstance(value, Undefined):
        return ""
    return format_date(plain(value), text_of(pattern), context.rendering.context.now_ms)


@with_context
@sequence_filter
def _join(items: Iterable[Any], separator: Any = " ", *, context: Scope) -> str:
    texts, between = [text_of(item) for item in items], text_of(separator)
    context.rendering.spend_on_filters(len(between) * len(texts))  # before it is made
    return between.join(texts)


@with_context
@string_filter
def _replace(text: str, old: Any, new: Any = "", *, context: Scope) -> str:
    old_text, new_text = text_of(old), text_of(new)
    context.rendering.spend_on_filters(len(text) + text.count(old_text) * len(new_text))  # before it is made
    return text.replace(old_text, new_text)


@sequence_filter
def _uniq(items: Iterable[Any], key: Any = None) -> list[Any]:
    """Drop what was there before. Liquid's own looks from the beginning for each item."""
    kept: dict[Hashable, Any] = {}
    for item in items:
        kept.setdefault(_hashable(item.get(key) if key is not None and isinstance(item, Mapping) else item), item)
    return list(kept.values())


def _hashable(value: Any) -> Hashable:
    """Return what is equal where the values are."""
    if isinstance(value, Mapping):
        return Mapping, frozenset((key, _hashable(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return list, tuple(map(_hashable, value))
    return cast(Hashable, value)


_END_OF_TAG: Final = re.compile(">")
_WHOLE: Final[Mapping[str, re.Pattern[str]]] = {
    "<!--": re.compile("-->"),
    "<script": re.compile(r"</script\s*>", re.IGNORECASE),
    "<style": re.compile(r"</style\s*>", re.IGNORECASE),
}
"""What goes with everything up to its end."""
_TAG: Final = re.compile(r"<(?:!--|script\b|style\b|[a-z/!?])", re.IGNORECASE)


@string_filter
def _strip_html(text: str) -> str:
    """Drop the tags of a text. Liquid's own parses it, in quadratic time where comments are not closed."""
    pieces: list[str] = []
    never: set[re.Pattern[str]] = set()  # what was not found once is not there further on
    place = 0
    while tag := _TAG.search(text, place):
        end = None
        for closing in (_WHOLE.get(tag[0].lower()), _END_OF_TAG):
            if closing is not None and closing not in never and end is None:
                end = closing.search(text, tag.end())
                if end is None:
                    never.add(closing)
        if end is None:
            break
        pieces.append(text[place : tag.start()])
        place = end.end()
    return "".join((*pieces, text[place:]))


_OURS: Final[Mapping[str, Callable[..., object]]] = {
    "date": _date, "join": _join, "replace": _replace, "strip_html": _strip_html, "uniq": _uniq,
}  # fmt: skip

ENVIRONMENT: Final = _Environment()
