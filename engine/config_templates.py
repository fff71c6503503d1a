"""The templates of a config: found anywhere in it, compiled at publish, rendered at each step. Knows no node type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.context import Context
from engine.keys import Fault
from engine.rendering import Part, Rendering, TemplateError
from engine.templates import compile_text
from engine.types import Json


def is_template(value: Json) -> bool:
    """Whether a value of a config is a text with a template in it."""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def template_faults(value: Json, path: str) -> Iterator[tuple[str, Fault | None]]:
    """Yield the path of each template in a value, and the fault where it cannot be compiled."""
    if is_template(value):
        try:
            compile_text(value)
        except TemplateError as error:
            yield path, (path, f"{path}: {error}")
        else:
            yield path, None
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from template_faults(item, f"{path}.{key}")
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield from template_faults(item, f"{path}[{place}]")


def compile_config(config: Mapping[str, Json]) -> ConfigTemplate | None:
    """Compile the templates of a config; None where it has none.

    Raises:
        TemplateError: a text is no template.
    """
    part = _compile(config)
    return ConfigTemplate(part) if part is not None else None


@dataclass(frozen=True, slots=True)
class ConfigTemplate:
    """A config with templates, ready to render."""

    _part: Part

    def render(self, context: Context) -> dict[str, Json]:
        """Return the config with every template filled in. What is missing is empty, and noted in the context.

        Raises:
            TemplateError: it cannot be rendered, or would become too large.
        """
        rendered: dict[str, Json] = self._part(Rendering(context))
        return rendered


def _compile(value: Json) -> Part | None:
    if is_template(value):
        return compile_text(value)
    if isinstance(value, Mapping):
        return _compile_fields(value)
    return _compile_items(value) if isinstance(value, (list, tuple)) else None


def _compile_fields(fields: Mapping[str, Json]) -> Part | None:
    parts = {key: part for key, item in fields.items() if (part := _compile(item))}
    if not parts:
        return None
    # In the order of the config: what is rendered is also what the trail shows.
    return lambda rendering: {
        key: parts[key](rendering) if key in parts else item for key, item in fields.items()
    }  # fmt: skip


def _compile_items(items: list[Json] | tuple[Json, ...]) -> Part | None:
    parts = [_compile(item) for item in items]
    if not any(parts):
        return None
    return lambda rendering: [part(rendering) if part else item for part, item in zip(parts, items, strict=True)]
