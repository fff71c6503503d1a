"""Condition: divide subjects into arms by weight, each always into the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field

from engine.config_templates import is_template
from engine.context import Context
from engine.nodes.base import ERROR, ConditionType, Config
from engine.nodes.fields import Number, Text
from engine.splits import arm_of
from engine.types import Json


class Variant(Config):
    """One arm."""

    label: Annotated[str, Field(min_length=1, max_length=200)] = Field(description="The outcome, as edges name it.")
    weight: Annotated[Number, Field(ge=0, le=1_000_000)] = Field(
        default=1, description="How large its share is, beside the others' weights."
    )


class AbSplit(Config):
    """The arms, and what makes this split another than others."""

    variants: Annotated[tuple[Variant, ...], Field(strict=False, min_length=2, max_length=20)] = Field(
        description="Two arms or more; each is an outcome."
    )
    salt: Text | None = Field(
        default=None, description="Splits with the same salt divide alike. Without one this node divides on its own."
    )

    @classmethod
    def conflict(cls, given: Mapping[str, Json]) -> str | None:
        """Say where arms cannot be told apart, or nobody can go anywhere."""
        variants = [_plain(variant) for variant in _items(given.get("variants"))]
        labels = [variant.get("label") for variant in variants]
        if is_template(given.get("variants")) or any(map(is_template, (v for one in variants for v in one.values()))):
            return "variants take no templates, since edges name them; only salt may hold one"
        twice = sorted({label for label in labels if isinstance(label, str) and labels.count(label) > 1})
        if twice:
            return f"the label {twice[0]!r:.80} is there twice; give each variant its own"
        if ERROR in labels:
            return "the label 'error' is taken by failed steps; choose another"
        if len(variants) > 1 and all(variant.get("weight", 1) == 0 for variant in variants):
            return "every weight is 0; give at least one variant a share"
        return None


def labels(raw: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the outcomes that a drawn config names."""
    found = (_plain(variant).get("label") for variant in _items(raw.get("variants")))
    return tuple(dict.fromkeys(label for label in found if isinstance(label, str) and label))


def decide(config: AbSplit, context: Context) -> str:
    """Name the arm of the subject."""
    salt = config.salt or context.node_id
    return arm_of(context.subject, salt, ((variant.label, variant.weight) for variant in config.variants))


def _items(variants: Json) -> tuple[Json, ...]:
    return tuple(variants) if isinstance(variants, (list, tuple)) else ()


def _plain(variant: Json) -> Mapping[str, Json]:
    if isinstance(variant, Variant):
        return variant.model_dump(exclude_unset=True)
    return variant if isinstance(variant, Mapping) else {}


NODE: Final = ConditionType(
    name="ab_split",
    label="Split into arms",
    help="Divides contacts into arms by weight. A contact stays in its arm, also in later versions; "
    "when weights move, the fewest contacts move.",
    config=AbSplit,
    example={"variants": [{"label": "short", "weight": 1}, {"label": "long", "weight": 1}]},
    decide=decide,
    ports=(),
    outcomes=labels,
)
