"""What is wrong with a value is said in plain words, whatever pydantic calls it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from engine.wording import plain


def _refuse(_value: Any) -> Any:
    raise ValueError("MAL is not amused")


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (int, "x", "must be a whole number"),
        (int, 1.5, "must be a whole number"),
        (float, [], "must be a number"),
        (bool, "perhaps", "must be true or false"),
        (str, 5, "must be text"),
        (list[int], 5, "must be a list"),
        (dict[str, int], 5, "must be an object"),
        (Literal["a", "b"], "c", "use a, b"),
        (Literal[1, 2], 3, "use 1 or 2"),
        (Annotated[float, Field(gt=0)], 0, "must be more than 0"),
        (Annotated[float, Field(ge=1)], 0, "must be at least 1"),
        (Annotated[float, Field(lt=3155760000)], 3155760000, "must be less than 3155760000"),
        (Annotated[float, Field(le=3155760000)], 3155760001, "must be at most 3155760000"),
        (Annotated[str, Field(min_length=2)], "a", "must have 2 characters or more"),
        (Annotated[str, Field(max_length=1)], "ab", "must have 1 characters at most"),
        (Annotated[list[int], Field(min_length=2)], [1], "must have 2 or more, it has 1"),
        (Annotated[list[int], Field(max_length=1)], [1, 2], "must have 1 at most, it has 2"),
        (Annotated[int, AfterValidator(_refuse)], 1, "MAL is not amused"),
        (bytes, 5, "input should be a valid bytes"),
    ],
)
def test_what_is_asked_is_said_plainly(kind: Any, value: Any, words: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        TypeAdapter(kind).validate_python(value)
    assert plain(wrong.value.errors()[0]) == words
