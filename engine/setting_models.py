"""The base of every setting, and what is wrong with a value of one: all problems at once, each named by its path.

Knows no setting. What a setting means lives beside the rule it is for (`entry_rules`, `holdout`, `message_rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from engine.keys import Fault, did_you_mean
from engine.problems import one_of, shown
from engine.types import Json
from engine.wording import plain


class Setting(BaseModel):
    """Base of a setting: frozen, unknown keys refused; "5" is no number and 1 is no boolean.

    A key of several words gets its alias where it stands, so that it has one spelling.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def wire(self) -> dict[str, Json]:
        """Return the JSON shape of what is set."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


S = TypeVar("S", bound=Setting)


def read_setting(model: type[S], settings: Mapping[str, Json], key: str) -> S | None:
    """Return a setting of a valid flow; None where the flow does not have it.

    Raises:
        ValueError: it is not valid.
    """
    value = settings.get(key)
    return None if value is None else model.model_validate(value)


def model_faults(model: type[Setting], value: Json, path: str) -> list[Fault]:
    """Return everything that is wrong with the value of a setting."""
    if not isinstance(value, dict):
        return [(path, f"{path} is {shown(value)}, not an object like {{{', '.join(_keys(model))}}}")]
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [_fault(model, one, path) for one in error.errors(include_url=False)]
    return []


def _fault(model: type[Setting], error: ErrorDetails, path: str) -> Fault:
    loc = error["loc"]
    where = path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    if error["type"] == "extra_forbidden":
        known = set(_keys(_model_at(model, loc[:-1])))
        key = str(loc[-1])
        return where, f"{where}: unknown key {shown(key)}{did_you_mean(key, known)}; known: {one_of(known)}"
    if error["type"] == "missing":
        return where, f"{where} is missing"
    if error["type"] == "literal_error":
        return where, f"{where} is {shown(error['input'])}; {plain(error)}"
    if error["type"] == "value_error" and isinstance(error["input"], (dict, list)):
        return where, f"{where}: {plain(error)}"
    return where, f"{where} is {shown(error['input'])}: {plain(error)}"


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    """Return the model of the object at a place below a model's value; list indexes change nothing."""
    for part in loc:
        field = next((one for name, one in model.model_fields.items() if (one.alias or name) == part), None)
        if field is not None:
            model = _model_in(field.annotation) or model
    return model


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the first model that an annotation names, however deep."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
