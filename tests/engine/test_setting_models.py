"""What is wrong with a setting is said with its path, all at once, however deep it lies."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import Field

from engine.setting_models import Setting, model_faults, read_setting


class Inner(Setting):
    name: str
    how_many: int = Field(default=1, alias="howMany")


class Outer(Setting):
    one: Inner | None = None
    many: tuple[Inner, ...] = Field(default=(), strict=False)
    kind: Literal["a", "b"] = "a"


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ({"one": {"name": "x", "howMany": 2}, "many": [{"name": "y"}]}, {}),
        ({"one": {}}, {"s.one.name": "s.one.name is missing"}),
        ({"many": [{"name": "x"}, {"nam": "y", "name": 5}]}, {
            "s.many[1].name": "s.many[1].name is 5: must be text",
            "s.many[1].nam": 's.many[1].nam: unknown key "nam", did you mean name?; known: howMany, name',
        }),
        ({"one": {"name": "x", "how_many": 2}}, {
            "s.one.how_many": 's.one.how_many: unknown key "how_many", did you mean howMany?; known: howMany, name',
        }),
        ({"kind": "c", "x": 1}, {
            "s.kind": 's.kind is "c"; use a, b', "s.x": 's.x: unknown key "x"; known: kind, many, one',
        }),
        (5, {"s": "s is 5, not an object like {one, many, kind}"}),
    ],
    ids=str,
)  # fmt: skip
def test_each_problem_has_its_path(value: Any, faults: dict[str, str]) -> None:
    assert dict(model_faults(Outer, value, "s")) == faults


def test_a_setting_that_is_not_there_or_null_is_none() -> None:
    assert read_setting(Outer, {}, "outer") is None
    assert read_setting(Outer, {"outer": None}, "outer") is None
    assert read_setting(Outer, {"outer": {}}, "outer") == Outer()
