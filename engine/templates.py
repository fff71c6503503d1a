"""One text with a template in it, compiled for rendering. This module and `template_bounds` name python-liquid.

Rendering reads nothing but the context it is given, so it is the same wherever and whenever it is done: `now` and the
filter `date` are the step's. It is bounded: whatever a template says, it ends soon and makes no more than so much.
It knows no node type.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Final

from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Filter, FilteredExpression, Literal, Path
from liquid.builtin.expressions.primitive import IntegerLiteral, RangeLiteral
from liquid.builtin.output import OutputNode
from liquid.context import RenderContext
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.template import BoundTemplate

from engine.context import MISSING, ROOTS
from engine.keys import did_you_mean
from engine.outputs import json_bytes
from engine.problems import one_of, shown
from engine.rendering import Part, Rendering, TemplateError
from engine.template_bounds import ENVIRONMENT, MAX_LOOPS, Scope, plain, text_of
from engine.template_text import text_fault
from engine.types import Json

_SPECIAL: Final = frozenset({"size", "first", "last"})
"""Words that Liquid reads as more than a key."""


def compile_text(text: str) -> Part:
    """Compile one text. One that is a single `{{ … }}` gives a value, any other gives a text.

    Raises:
        TemplateError: it is no template, or would fail at every rendering.
    """
    if fault := text_fault(text):
        raise TemplateError(f"{shown(text)} is no template: {fault}")
    try:
        template = ENVIRONMENT.from_string(text)
        _check(template)
    except (LiquidError, RecursionError) as error:
        raise TemplateError(f"{shown(text)} is no template: {_reason(error)}") from error
    values = [_value_of(node) for node in template.nodes]
    if len(values) == 1 and isinstance(template.nodes[0], OutputNode):
        return _single(text, values[0] or _evaluate(template, template.nodes[0].expression))
    pieces = [value for value in values if value is not None]
    return _joined(pieces) if len(pieces) == len(values) else _rendered(text, template)


# ---- how a text is rendered, the simplest way that fits


def _single(text: str, value: Part) -> Part:
    def part(rendering: Rendering) -> Json:
        with _Named(text):
            found = plain(value(rendering))
        rendering.spend(len(found) if isinstance(found, str) else json_bytes(found))
        return found

    return part


def _joined(pieces: list[Part]) -> Part:
    """Join plain texts and plain look-ups, which most templates are: a tenth of the time of a Liquid rendering."""

    def part(rendering: Rendering) -> str:
        texts: list[str] = []
        for piece in pieces:
            text = text_of(piece(rendering))
            rendering.spend(len(text))
            texts.append(text)
        return "".join(texts)

    return part


def _rendered(text: str, template: BoundTemplate) -> Part:
    def part(rendering: Rendering) -> str:
        buffer = StringIO()
        with _Named(text):
            template.render_with_context(Scope(template, rendering), buffer)
        return buffer.getvalue()

    return part


def _evaluate(template: BoundTemplate, expression: Expression) -> Part:
    return lambda rendering: expression.evaluate(Scope(template, rendering))


def _value_of(node: Node) -> Part | None:
    """Return a short way to the value of a node, where it is plain text or a plain look-up."""
    if isinstance(node, ContentNode):
        return _constant(node.text)
    if not isinstance(node, OutputNode) or not isinstance(node.expression, FilteredExpression):
        return None
    value, filters = _look_up(node.expression.left), node.expression.filters
    if value is None or not filters:
        return value
    fallback = _fallback(filters[0]) if len(filters) == 1 else None
    return None if fallback is None else _with_default(value, fallback)


def _look_up(expression: Expression) -> Part | None:
    if isinstance(expression, Literal):
        return _constant(expression.value)
    if not isinstance(expression, Path) or not all(isinstance(key, str) and "." not in key for key in expression.path):
        return None
    path = ".".join(str(key) for key in expression.path)
    if expression.path[0] not in ROOTS or not _SPECIAL.isdisjoint(expression.path):
        return None

    def part(rendering: Rendering) -> Json:
        rendering.step()
        found = rendering.context.resolve(path)
        if found is MISSING:
            rendering.context.note_missing(path)
            return ""
        rendering.look_at(found)
        return found

    return part


def _fallback(one: Filter) -> Part | None:
    if one.name != "default" or len(one.args) != 1 or getattr(one.args[0], "name", None) is not None:
        return None
    return _look_up(one.args[0].value)


def _with_default(value: Part, fallback: Part) -> Part:
    def part(rendering: Rendering) -> Json:
        found = value(rendering)
        # Liquid's rule: false, null and what is empty give way, 0 does not.
        return found if found or type(found) in {int, float} else fallback(rendering)

    return part


def _constant(value: Json) -> Part:
    return lambda _rendering: value


class _Named:
    """Turn whatever a template can raise into an error that names the template."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        # Filters are Python functions over values of any type: these are the errors that such values can cause.
        if isinstance(error, (LiquidError, ArithmeticError, ValueError, TypeError, LookupError, AttributeError,
                              OSError, RecursionError)) and not isinstance(error, TemplateError):  # fmt: skip
            raise TemplateError(f"{shown(self._text)} cannot be rendered: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error.message) if isinstance(error, LiquidError) else f"{type(error).__name__}: {error}"


def _check(template: BoundTemplate) -> None:
    """Refuse what would fail at every rendering: unknown roots and filters, ranges without a known end."""
    found = template.analyze()
    for root in found.globals:
        if root not in ROOTS:
            hint = did_you_mean(root, ROOTS)
            raise LiquidError(f"{shown(root)} is an unknown root{hint}; the roots are {one_of(ROOTS)}", token=None)
    for name in found.filters:
        if name not in ENVIRONMENT.filters:
            hint = did_you_mean(name, ENVIRONMENT.filters.keys())
            raise LiquidError(f"{shown(name)} is an unknown filter{hint}", token=None)
    for one in _expressions(template):
        if isinstance(one, RangeLiteral):
            ends = [end.value for end in (one.start, one.stop) if isinstance(end, IntegerLiteral)]
            if len(ends) < 2 or ends[1] - ends[0] > MAX_LOOPS:
                raise LiquidError(f"{one} must go from one number to another, at most {MAX_LOOPS} long", token=None)


def _expressions(template: BoundTemplate) -> Iterator[Expression]:
    scope = RenderContext(template)
    nodes: list[Node] = list(template.nodes)
    expressions: list[Expression] = []
    while nodes:
        node = nodes.pop()
        nodes.extend(node.children(scope))
        expressions.extend(node.expressions())
    while expressions:
        one = expressions.pop()
        expressions.extend(one.children())
        yield one
