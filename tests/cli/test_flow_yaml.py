"""YAML is read as JSON: nothing that silently means something else."""

from __future__ import annotations

import pytest

from cli.flow_yaml import YamlError, read_yaml


def test_scalars_are_those_of_yaml_1_2() -> None:
    text = 'a: no\nb: 21:00\nc: 2026-01-01\nd: true\ne: 1e3\nf: ""\ng:\nh: ~\ni: .5\nj: -3\nk: 010\nl: .nan'
    assert read_yaml(text) == {
        "a": "no", "b": "21:00", "c": "2026-01-01", "d": True, "e": 1000.0, "f": "", "g": None, "h": None, "i": 0.5,
        "j": -3, "k": 10, "l": ".nan",
    }  # fmt: skip


def test_quoted_scalars_stay_strings() -> None:
    assert read_yaml("a: \"true\"\nb: '5'\nc: 'null'") == {"a": "true", "b": "5", "c": "null"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{a: Any thoughts?, b: c}", {"a": "Any thoughts?", "b": "c"}),
        ("{a: why ?not # so\n , b: x?y}", {"a": "why ?not", "b": "x?y"}),
        ("[What?, {a: b?}]", ["What?", {"a": "b?"}]),
        ("a: Any thoughts?\nb: two\n  lines?", {"a": "Any thoughts?", "b": "two lines?"}),
        ("{a: http://x.example/?q=1, b: 12:30}", {"a": "http://x.example/?q=1", "b": "12:30"}),
        ("{? a : b}", {"a": "b"}),
    ],
)
def test_a_plain_text_may_have_question_marks(text: str, value: object) -> None:
    assert read_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' stands here twice"),
        ("a: &x 1\nb: *x", "line 2, column 4: the alias *x is not read; write the value out"),
        ("1: a", "line 1, column 1: a key must be a string; put it in quotes"),
        ("[a]: 1", "a key must be a string"),
        ("--- 1\n--- 2", "another document"),
        ("a: !!python/object:os.system x", "tag"),
        ("a: !!timestamp 2026-01-01", "tag"),
        ("a: [", "line 1"),
        ("a: \x00", "special characters"),
        ("[" * 5000, "nested too deep"),
        ("a: " + "9" * 5000, "4300 digits"),
        ("a:\n\t- b", "line 2"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(YamlError) as refused:
        read_yaml(text)
    assert said in str(refused.value)
