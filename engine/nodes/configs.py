"""Whether a config fits its node type: every problem at once, templates and all. Knows no node type.

A templated value stands for any value: its own type is checked when it is rendered, the rest of the config now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from engine.config_templates import template_faults
from engine.keys import Fault, key_faults
from engine.nodes.base import Config, NodeType
from engine.nodes.fields import values_given
from engine.problems import shown
from engine.types import Json
from engine.wording import plain

_PATH: Final = "config"


def check_config(kind: NodeType, config: Mapping[str, Json]) -> tuple[BaseModel | None, list[Fault]]:
    """Check a node's config.

    Args:
        kind: the type of the node.
        config: as it was drawn, JSON of a sane size.

    Returns:
        The config, or None where it is not valid or known only once its templates are rendered; and every fault, as
        a path that begins with `config` and a message.
    """
    model: type[Config] = kind.config
    keys = {field.alias or name for name, field in model.model_fields.items()}
    faults = key_faults(config, _PATH, keys)
    found = list(template_faults({key: value for key, value in config.items() if key in keys}, _PATH))
    templated = {path for path, _ in found}
    if kind.kind == "trigger":
        faults += [(path, f"{path}: a trigger takes no templates; write the value itself") for path in templated]
    else:
        faults += [fault for _, fault in found if fault]
    checked, wrong = _validated(model, {key: value for key, value in config.items() if key in keys})
    faults += [fault for error in wrong if error["loc"] and not _below((fault := _fault(error))[0], templated)]
    if conflict := model.conflict(values_given(model, config)):
        faults.append((_PATH, f"{_PATH}: {conflict}"))
    return (None if faults or templated else checked), faults


def _validated(model: type[Config], config: Mapping[str, Json]) -> tuple[BaseModel | None, list[ErrorDetails]]:
    try:
        return model.model_validate(config), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _fault(error: ErrorDetails) -> Fault:
    path = _PATH + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    if error["type"] == "missing":
        return path, f"{path} is missing"
    return path, f"{path} is {shown(error['input'])}: {plain(error)}"


def _below(path: str, templated: set[str]) -> bool:
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in templated)
