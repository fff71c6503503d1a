"""Templates in configs: what they give, what they note, what they refuse, and that they always end."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config_templates import compile_config, is_template, template_faults
from engine.context import Context
from engine.events import read_event
from engine.facts import SubjectFacts
from engine.outputs import StepOutputs
from engine.rendering import MAX_OUTPUT_CHARS, TemplateError
from engine.types import NodeId, Subject

NOW_MS = 1_790_000_000_000
PAYLOAD = {
    "contactId": "c1", "campaignId": "k1", "n": 5, "rate": 0.5, "yes": True, "nothing": None, "empty": "", "zero": 0,
    "tags": ["a", "b"], "deep": {"a": [{"b": "found"}], "a.b": "dotted"}, "at": "2026-11-01T10:30:00+02:00",
    "big": "x" * 200_000, "none": [], "rates": [0.5, 0.25], "pairs": {"k": 1},
}  # fmt: skip
FACTS = {"profile": {"name": "Ada"}, "tags": ["vip"], "engagement": {"k1": [2, 0, 0, 1, 0, 0]}}


def context() -> Context:
    event = {"type": "email_open", "source": "email_engine", "payload": PAYLOAD, "metadata": {"userId": "u1"}}
    return Context(
        node_id="n",
        event=read_event(event, default_id="e1", default_timestamp_ms=NOW_MS),
        origin="live",
        facts=SubjectFacts(Subject("contact", "c1"), FACTS, lambda _entity: None),
        now_ms=NOW_MS,
        wall_ms=NOW_MS,
        time_scale=1,
        flow_user_id="u1",
        step_outputs=StepOutputs({"id-1": {"answer": 42}}, {"first": NodeId("id-1")}),
        previous_output={"tag": "x"},
        execution_tags=frozenset(),
    )


def rendered(text: Any) -> Any:
    template = compile_config({"key": text})
    assert template is not None
    return template.render(context())["key"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ event.n }}", 5),
        ("{{ event.rate }}", 0.5),
        ("{{event.yes}}", True),
        ("{{- event.tags -}}", ["a", "b"]),
        ("{{ event.nothing }}", None),
        ("{{ event.deep.a[0].b }}", "found"),
        ("{{ event.deep['a.b'] }}", "dotted"),
        ("{{ event.pairs }}", {"k": 1}),
        ("{{ event.n | plus: 1 }}", 6),
        ("{{ event.rate | times: 2 }}", 1.0),
        ("{{ event.tags | size }}", 2),
        ("{{ event.tags.size }}", 2),
        ("{{ event.tags.first }}", "a"),
        ("{{ event.rates | sum }}", 0.75),
        ("{{ event.pairs | first }}", ["k", 1]),
        ("{{ (1..3) }}", [1, 2, 3]),
        ("{{ 'text' }}", "text"),
        ("{{ empty }}", ""),
        ("{{ event.missing }}", ""),
        ("{{ event.missing | upcase }}", ""),
        ("{{ event.missing.deeper }}", ""),
        ("{{ event.tags[7] }}", ""),
        (" {{ event.n }}", " 5"),
        ("{{ event.n }}{{ event.n }}", "55"),
        ("Hi {{ contact.name }}", "Hi Ada"),
        ("{{ event.yes }}, {{ event.nothing }}, {{ event.tags }}", "true, , ab"),
        ("{{ event.yes | default: 1 }}, {{ event.tags | join: '+' }}", "true, a+b"),
        ("{{ event.tags | join }}!", "a b!"),
        ("{{ event.missing | upcase }}!", "!"),
        ("{{ contact.nick | default: 'there' }}", "there"),
        ("{{ contact.nick | default: contact.name }}", "Ada"),
        ("{{ event.zero | default: 7 }}", 0),
        ("{{ event.none | default: 7 }}", 7),
        ("{{ event.nothing | default: 'n' | upcase }}", "N"),
        ("{{ event.yes | default: 'n', allow_false: true }}", True),
        ("{{ event.opened }}", True),
        ("{{ event.replied }}", False),
        ("{{ event | size }}", len(PAYLOAD) + 3),
        ("{{ engagement.openCount }}", 2),
        ("{{ steps.first.output.answer }}", 42),
        ("{{ steps['id-1'].output.answer }}", 42),
        ("{{ steps }}", {"first": {"output": {"answer": 42}}, "id-1": {"output": {"answer": 42}}}),
        ("{{ steps | append: '!' }}", "{'first': {'output': {'answer': 42}}, 'id-1': {'output': {'answer': 42}}}!"),
        ("{{ previousNode.output.tag }}", "x"),
        ("{{ emailContext.campaignId }}{{ releaseContext.releaseId }}", "k1"),
        ("{{ trigger.type }} {{ metadata.userId }}", "email_open u1"),
        ("{{ campaign.id }} {{ release.id }} {{ user.id }}", "k1  u1"),
        ("{{ now }}", "2026-09-21T14:13:20Z"),
        ("{{ 'now' | date: '%Y-%m-%d %H:%M' }}", "2026-09-21 14:13"),
        ("{{ now | date: '%d.%m.%Y' }}", "21.09.2026"),
        ("{{ event.at | date: '%H:%M %z' }}", "10:30 +0200"),
        ("{{ '2026-11-01' | date: '%A %s' }}", "Sunday 1793491200"),
        ("{{ 0 | date: '%Y' }}", "1970"),
        ("{{ '86400' | date: '%d' }}", "02"),
        ("{{ 'Friday' | date: '%Y' }}", "Friday"),
        ("{{ event.missing | date: '%Y' }}", ""),
        ("{% if event.yes %}yes{% else %}no{% endif %}", "yes"),
        ("{% for tag in event.tags %}{{ forloop.index }}{{ tag }}{% endfor %}", "1a2b"),
        ("{% assign x = event.n | times: 2 %}{{ x }}", "10"),
        ("{% capture x %}{{ event.n }}{% endcapture %}{{ x }}", "5"),
        ("{{ 'a-b' | replace: '-', '+' }}", "a+b"),
        ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ],
)
def test_a_template_gives(text: str, value: Any) -> None:
    found = rendered(text)
    assert (found, type(found)) == (value, type(value))


def test_templates_are_found_anywhere_and_the_rest_stays() -> None:
    config = {"a": 1, "b": ["x", "{{ event.n }}", {"c": "{{ event.n }}"}], "d": {"e": ["y"]}}
    template = compile_config(config)
    assert template is not None
    assert template.render(context()) == {"a": 1, "b": ["x", 5, {"c": 5}], "d": {"e": ["y"]}}
    assert list(template.render(context())) == ["a", "b", "d"]
    assert compile_config({"a": 1, "b": ["x", {"c": "}} {"}]}) is None
    assert not is_template(5)


def test_what_is_missing_is_noted_once_and_what_is_null_is_not() -> None:
    seen = context()
    template = compile_config({
        "a": "{{ event.missing }} {{ event.missing }} {{ event.nothing }}", "b": "{{ contact.nick | upcase }}",
        "c": "{{ contact.nick | default: 'x' }}", "d": "{{ steps.nobody.output.a }}",
    })  # fmt: skip
    assert template is not None
    template.render(seen)
    assert seen.notes == {"missing": ["event.missing", "contact.nick", "steps.nobody.output.a"]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ evnt.n }}", '"evnt" is an unknown root, did you mean event?'),
        ("{{ event[nope] }}", '"nope" is an unknown root'),
        ("{{ today }}", '"today" is an unknown root'),
        ("{% if nope %}x{% endif %}", '"nope" is an unknown root'),
        ("{{ x }}{% assign x = 1 %}", '"x" is an unknown root'),
        ("{{ event.n | upcas }}", '"upcas" is an unknown filter, did you mean upcase?'),
        ("{{ event.n", "expected '}}'"),
        ("{{ event.n event.n }}", "expected end of expression"),
        ("{% nope %}", "unexpected tag 'nope'"),
        ("{% include 'x' %}", "unexpected tag 'include'"),
        ("{% render 'x' %}", "unexpected tag 'render'"),
        ("{% for i in (1..event.n) %}{% endfor %}", "must go from one number to another"),
        ("{% for i in (1..99999999999) reversed %}{% endfor %}", "must go from one number to another"),
        ("{{ (1..99999999999) | join }}", "must go from one number to another"),
        ("{{ event" + "[event" * 5_000 + "]" * 5_000 + " }}", "is no template"),
    ],
)
def test_what_would_fail_at_every_rendering_is_refused_at_publish(text: str, words: str) -> None:
    with pytest.raises(TemplateError, match="is no template") as caught:
        compile_config({"key": text})
    assert words in str(caught.value)
    [(path, fault)] = template_faults({"key": [text]}, "config")
    assert path == "config.key[0]"
    assert fault is not None
    assert words in fault[1]


DOUBLING = "{% assign x = 'xxxxxxxxxx' %}{% for i in (1..99) %}{% assign x = x | append: x %}{% endfor %}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ event.n | divided_by: 0 }}", "can't divide by 0"),
        ("{{ event.n | plus }}", "missing 1 required positional argument"),
        ("{{ event.n | date: '%Y' }}{{ 99999999999999 | date: '%Y' }}", "cannot be rendered"),
        ("{{ 9223372036854775807 | times: 9223372036854775807 }}", "a number beyond 64 bits"),
        ("{{ '1e308' | times: '1e308' }}", "inf is no number that JSON has"),
        ("{% break %}", "unexpected 'break'"),
        ("{% for i in (1..200) %}{% for j in (1..200) %}{% endfor %}{% endfor %}", "loops go round more than"),
        (DOUBLING, "cannot be rendered"),
        ("{{ event.big | replace: 'x', event.big }}", "filters would make more"),
        ("{{ event.big | split: '' | join: event.big }}", "filters would make more"),
        ("{{ event.big }}" * 6, "the config would be more than"),
        ("{{ event.big | upcase }}" * 6, "the config would be more than"),
        ("{{ '%41' | url_decode | base64_decode }}", "cannot be rendered"),
    ],
)
def test_what_cannot_be_rendered_ends_soon_and_says_why(text: str, words: str) -> None:
    with pytest.raises(TemplateError) as caught:
        rendered(text)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["{{ steps }}", "all: {{ steps }}", "{% for one in steps %}{{ one }}{% endfor %}"])
def test_all_steps_are_those_that_gave_something(text: str) -> None:
    template = compile_config({"key": text})
    assert template is not None
    seen = context()
    seen.step_outputs = StepOutputs({NodeId("id-1"): {"a": 1}}, {"first": NodeId("id-1"), "later": NodeId("id-2")})
    assert "later" not in str(template.render(seen))
    assert len(seen.step_outputs) == 2


def test_the_whole_config_is_bounded_not_only_each_text() -> None:
    with pytest.raises(TemplateError, match=str(MAX_OUTPUT_CHARS)):
        rendered(["{{ event.big }}"] * 6)
    with pytest.raises(TemplateError, match=str(MAX_OUTPUT_CHARS)):
        rendered(["{{ event }}"] * 6)
