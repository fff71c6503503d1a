"""What we write can be written, whatever a flow has made of it."""

from __future__ import annotations

import json

import pytest

from streams.codecs import to_json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, "ü", None]}, '{"a":[1,"ü",null]}'),
        ({"n": 2**70}, f'{{"n":{2**70}}}'),
        ({"half": "a\ud800b"}, '{"half":"a?b"}'),
    ],
)
def test_every_value_can_be_written(value: object, text: str) -> None:
    assert to_json(value).decode() == text
    json.loads(to_json(value))
