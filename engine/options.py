"""`node.options`: how a node takes part in its execution, whatever its type (product.md, Settings and options)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from engine.keys import Fault
from engine.nodes.base import ActionType, NodeType
from engine.nodes.fields import MAX_WAIT_SECONDS
from engine.setting_models import Setting, model_faults
from engine.types import Json

_MAX_ATTEMPTS: Final = 100
_Seconds = Annotated[float, Field(ge=0, le=MAX_WAIT_SECONDS, allow_inf_nan=False)]


class RetryRule(Setting):
    """How often a command that failed for now is tried, and how long the pauses are."""

    max_attempts: int = Field(default=3, alias="maxAttempts", ge=1, le=_MAX_ATTEMPTS)
    initial_seconds: _Seconds = Field(default=30.0, alias="initialSeconds")
    factor: float = Field(default=2.0, ge=1, le=100, allow_inf_nan=False)
    max_seconds: _Seconds = Field(default=3_600.0, alias="maxSeconds")


class Options(Setting):
    """The options of a node."""

    join: Literal["any", "all"] = "any"
    await_result: bool = Field(default=False, alias="awaitResult")
    timeout_seconds: Annotated[float, Field(gt=0, le=MAX_WAIT_SECONDS, allow_inf_nan=False)] = Field(
        default=86_400.0, alias="timeoutSeconds"
    )
    retry: RetryRule = RetryRule()


DEFAULT: Final = Options()
OPTIONS: Final = frozenset(field.alias or name for name, field in Options.model_fields.items())
"""The keys of options."""


def read_options(options: Mapping[str, Json]) -> Options:
    """Return the options of a valid node.

    Raises:
        ValueError: they are not valid.
    """
    return Options.model_validate(dict(options)) if options else DEFAULT


def option_faults(options: Mapping[str, Json], kind: NodeType | None, path: str = "options") -> list[Fault]:
    """Return what is wrong with a node's options.

    Args:
        options: as they were drawn.
        kind: the node's type; None where it is not known.
        path: of the options.
    """
    faults = model_faults(Options, dict(options), path)
    if options.get("awaitResult") is True and kind and not (isinstance(kind, ActionType) and kind.command):
        where = f"{path}.awaitResult"
        faults.append((where, f"{where} is true, but {kind.name} sends no command that is answered; leave it out"))
    return faults
