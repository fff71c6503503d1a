"""Hostile templates over hostile events end soon and stay small. Measured by counting what they do, never by a clock.

`steps_of` counts every Python line, call and return while a template renders; what a regular expression or a search of
Python does within one call is not counted, so those are shown not to be reached at all.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from engine import rendering, templates
from engine.config_templates import compile_config
from engine.context import MAX_NOTED_PATHS, Context
from engine.events import read_event
from engine.facts import SubjectFacts
from engine.outputs import StepOutputs
from engine.patterns import MAX_PATTERN_BYTES, MAX_WORK, PatternError, _compiled, finds
from engine.rendering import MAX_LOOKED_AT_CHARS, MAX_OUTPUT_CHARS, MAX_STEPS, TemplateError
from engine.template_text import MAX_TAG_CHARS, MAX_TEMPLATE_CHARS, text_fault
from engine.types import Subject
from tests.support.driver import FlowDriver
from tests.support.flows import opened, version

MOST_CALLS = 2_500_000
"""Of a whole config that may look at an eighth of what configs may: some for each step, and for each value seen."""
COUNT = 20_000
"""Items of a hostile list: with it an event is about as long as events may be."""
PAYLOAD: dict[str, Any] = {
    "contactId": "c1",
    "big": "x" * 400_000,
    "numbers": list(range(COUNT)),
    "objects": [{"a": number} for number in range(COUNT)],
    "lists": [[number] for number in range(COUNT)],
    "empties": [""] * COUNT,
    "open": ">" + "<!--" * 80_000,
    "angles": "<a " * 100_000,
    "n": 1,
}


@contextmanager
def counted_calls() -> Iterator[Callable[[], int]]:
    """Count the calls of Python functions and of built-in ones in a block."""
    count = 0

    def note(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield lambda: count
    finally:
        sys.setprofile(before)


def context(payload: dict[str, Any] | None = None) -> Context:
    event = {"type": "email_open", "source": "s", "payload": payload or PAYLOAD, "metadata": {}}
    return Context(
        node_id="n", event=read_event(event, default_id="e", default_timestamp_ms=0), origin="live",
        facts=SubjectFacts(Subject("contact", "c1"), {}, lambda _entity: None), now_ms=0, wall_ms=0, time_scale=1,
        flow_user_id="u", step_outputs=StepOutputs({}, {}), previous_output={}, execution_tags=frozenset(),
    )  # fmt: skip


def rendered(*texts: str) -> Any:
    template = compile_config({"key": list(texts)})
    assert template is not None
    return template.render(context())["key"]


def loop(body: str, rounds: int = 10_000) -> str:
    return f"{{% for i in (1..{rounds}) %}}{body}{{% endfor %}}"


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([loop("{% if true %}{% endif %}" * 50)], id="many tags in a loop"),
        pytest.param([loop("{% assign a = 1 %}" * 50)], id="many assignments in a loop"),
        pytest.param([loop(loop("x", 100), 100), loop(loop("x", 100), 100), loop("x")], id="loop in loop"),
        pytest.param([loop("{{ i }}", 9_000)] * 40, id="many texts with loops"),
        pytest.param([loop("{% if event.numbers contains i %}{% endif %}")], id="a long list searched in a loop"),
        pytest.param([loop("{% if event.numbers contains -1 %}{% endif %}")], id="a long list searched in vain"),
        pytest.param([loop("{% if event.lists == event.objects %}{% endif %}")], id="long lists compared in a loop"),
        pytest.param([loop("{% if event.big contains 'y' %}{% endif %}")], id="a long text searched in a loop"),
        pytest.param([loop("{{ event.objects | where: 'b', 1 | size }}")], id="nothing found, again and again"),
        pytest.param([loop("{{ event.big | split: 'y' | size }}")], id="nothing split, again and again"),
        pytest.param([loop("{{ event.numbers | sort | first }}")], id="sorted again and again"),
        pytest.param(["{% assign x = 'x' %}" + loop("{% assign x = x | append: event.big %}")], id="a text that grows"),
        pytest.param(
            ["{% assign x = 'x' %}" + loop("{% capture x %}{{ x }}{{ event.big }}{% endcapture %}")],
            id="a capture that grows",
        ),
        pytest.param([loop("{{ event.objects | uniq | size }}")], id="each compared with all before"),
        pytest.param(["{{ event.empties }}"] * 5_000, id="long lists that are written as nothing"),
        pytest.param(["{{ event.empties }}x" * 4_000] * 3, id="the same in one text"),
        pytest.param(["{{ event.big | append: event.big | append: event.big }}"] * 9, id="texts added to texts"),
        pytest.param(["{{ event.big | url_encode | url_encode | escape }}"] * 9, id="filters that lengthen"),
        pytest.param(["{{ event.numbers | join: event.big }}"], id="a long text between all"),
        pytest.param(["{{ event.big }}"] * 3, id="more than a config may hold"),
        pytest.param(["{{ 'now' | date: event.big }}"], id="a date pattern of any length"),
        pytest.param(["{{ event.big | replace: '', event.big }}"], id="a long text between all characters"),
    ],
)
def test_what_would_take_too_much_ends_as_a_failed_step(texts: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "MAX_LOOKED_AT_CHARS", MAX_LOOKED_AT_CHARS // 8)  # counting takes its time
    template = compile_config({"key": texts})
    assert template is not None
    with counted_calls() as calls, pytest.raises(TemplateError) as failed:
        template.render(context())
    assert calls() < MOST_CALLS
    assert re.search("more than|the most is|cannot be rendered", str(failed.value))
    assert len(str(failed.value)) < 400


def test_what_is_large_and_honest_is_rendered() -> None:
    table = "{% for one in event.objects limit: 1000 %}<td>{{ forloop.index }}: {{ one.a | plus: 1 }}</td>{% endfor %}"
    with counted_calls() as calls:
        assert rendered(table)[0].startswith("<td>1: 1</td><td>2: 2</td>")
    assert calls() < MOST_CALLS
    assert rendered("{{ event.big }}")[0] == PAYLOAD["big"]
    assert rendered("{{ event.numbers | uniq | size }}") == rendered("{{ event.objects | uniq | size }}") == [COUNT]
    assert rendered("{{ event.big | upcase | size }}") == [400_000]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{" * 40_000, "expected '}}' within"),
        ("{{" + " " * 90_000, "expected '}}' within"),
        ("{%" * 40_000, "expected '%}' within"),
        ("{{ " + "event.a | upcase | " * 200 + "upcase }}", f"within {MAX_TAG_CHARS:,} characters"),
        ("{% raw %}" * 9_000, "the raw at character 0 has no endraw"),
        ("{%- raw%}{% endraw%}{% doc %}" * 3_000, "the doc at character 20 has no enddoc"),
        ("{{ event" + "[event" * 21 + "]" * 21 + " }}", "more than 20 brackets"),
        ("{{ event.n }}" + "x" * MAX_TEMPLATE_CHARS, "a text with a template may have 100,000"),
    ],
)
def test_what_would_take_the_engine_too_long_to_read_never_reaches_it(
    text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(templates, "ENVIRONMENT", None)
    with counted_calls() as calls, pytest.raises(TemplateError, match=re.escape(words)):
        templates.compile_text(text)
    assert calls() < 20 * len(text)


@pytest.mark.parametrize("text", [
    "{{ '{{' }}", "{% raw %}{{ {% {% endraw %}{{ event.n }}", "{%raw%}{{{%endraw%}", "}} %} {",
    "{% doc %}{{{% enddoc %}", "{%- raw -%} {{ {%- endraw -%} {{ event.n }}",
])  # fmt: skip
def test_what_is_closed_or_verbatim_is_let_through(text: str) -> None:
    assert text_fault(text) is None
    templates.compile_text(text)


@pytest.mark.parametrize("depth", [31, 400])
def test_blocks_that_nest_too_deep_are_refused(depth: int) -> None:
    with pytest.raises(TemplateError, match="nesting limit"):
        templates.compile_text("{% if true %}" * depth + "{% endif %}" * depth)


@pytest.mark.parametrize("key", ["open", "angles"])
def test_tags_that_nothing_closes_are_stripped_in_one_pass(key: str) -> None:
    with counted_calls() as calls:
        rendered(f"{{{{ event.{key} | strip_html }}}}")
    assert calls() < 20 * 100_000


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("<p>Hi <b class='x'>Ada</b></p>", "Hi Ada"),
        ("a <!-- b > c --> d", "a  d"),
        ("a<SCRIPT>b</b></script >c<style>d</STYLE>e", "ace"),
        ("1 < 2 > 1", "1 < 2 > 1"),
        ("a<br/>b<!doctype html>c<?xml?>d&amp;", "abcd&amp;"),
        ("a <b", "a <b"),
        ("a <!-- b>c", "a c"),
        ("<scripted>a</scripted>", "a"),
        ("<script>a", "a"),
    ],
)
def test_tags_are_stripped(text: str, stripped: str) -> None:
    template = compile_config({"key": "{{ event.text | strip_html }}"})
    assert template is not None
    assert template.render(context({"text": text, "contactId": "c1"})) == {"key": stripped}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("{{ event.a | uniq }}", [1, "1", 2, {"k": [1]}, None]),  # lists in the list are laid flat by every such filter
        ("{{ event.b | uniq: 'k' }}", [{"k": 1}, {"k": [2]}, {}]),
    ],
)
def test_what_was_there_before_is_dropped(text: str, kept: list[Any]) -> None:
    payload = {
        "contactId": "c1", "a": [1, "1", 1.0, [1, 2], {"k": [1]}, [2], None, {"k": [1.0]}, None],
        "b": [{"k": 1}, {"k": [2]}, {"k": 1, "z": 2}, {}, {"k": [2]}, {"z": 1}],
    }  # fmt: skip
    template = compile_config({"key": text})
    assert template is not None
    assert template.render(context(payload)) == {"key": kept}


def test_a_step_notes_no_more_than_so_much_of_what_is_missing() -> None:
    template = compile_config({"key": "".join(f"{{{{ event.no{number} }}}}" for number in range(5_000))})
    assert template is not None
    seen = context()
    template.render(seen)
    assert len(seen.notes["missing"]) == MAX_NOTED_PATHS


def test_the_bounds_are_those_of_one_config() -> None:
    assert (MAX_OUTPUT_CHARS, MAX_STEPS, MAX_LOOKED_AT_CHARS) == (1_048_576, 100_000, 33_554_432)


# ---- regular expressions


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)(.*)(.*)(.*)[^a]{50}b", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_pattern_costs_its_size_times_the_text_at_most(pattern: str) -> None:
    # RE2 keeps this promise of itself; ours is that neither factor is unbounded.
    assert not finds(pattern, "a" * 300_000 + "!")
    assert _compiled(pattern).options.max_mem == MAX_PATTERN_BYTES


def test_a_large_pattern_on_a_long_text_is_refused_before_it_is_tried() -> None:
    pattern = "(.*)(.*)(.*)(.*)(.*)[^x]{500}y"
    longest = MAX_WORK // _compiled(pattern).programsize
    assert not finds(pattern, "x" * longest)
    with pytest.raises(PatternError, match="which is too much"):
        finds(pattern, "x" * (longest + 1))


@pytest.mark.parametrize("pattern", ["(((a{99}){99}){99})", r"(\pL{1,100}){1,9}", "((a{100}){100}){10}"])
def test_a_pattern_that_would_take_too_much_memory_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="is no regular expression"):
        _compiled(pattern)


def test_a_step_whose_pattern_is_too_large_for_its_text_fails_and_the_shard_goes_on() -> None:
    config = {"field": "event.text", "operator": "matches", "value": "(.*)(.*)(.*)(.*)(.*)[^x]{500}y"}
    driver = FlowDriver(version({"t": ("email_open", {}), "c": ("if_field_match", config)}, "t>c"))
    driver.send(opened(payload={"text": "ab" * 250_000}))
    driver.send(opened(payload={"text": "short"}))
    first, second = driver.feed
    assert (first["status"], first["error"]["code"], first["error"]["nodeId"]) == ("failed", "pattern_too_large", "c")
    assert second["status"] == "succeeded"


def test_a_path_with_a_number_no_list_has_is_missing() -> None:
    config = {"field": "event.list." + "9" * 5_000, "operator": "exists"}
    driver = FlowDriver(version({"t": ("email_open", {}), "c": ("if_field_match", config)}, "t>c"))
    driver.send(opened(payload={"list": [1]}))
    [record] = driver.feed
    assert record["steps"][-1]["port"] == "false"
