"""Whatever stands between the braces: it is refused at publish, or gives JSON, or fails with a TemplateError."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config_templates import compile_config
from engine.context import ROOTS, Context
from engine.events import read_event
from engine.facts import SubjectFacts
from engine.outputs import StepOutputs
from engine.rendering import TemplateError
from engine.template_bounds import ENVIRONMENT
from engine.types import Subject

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
PATHS = st.sampled_from([
    "event.a", "event.b", "event.c[0]", "event", "contact.tags", "x", "forloop",
    "'text'", "7", "(1..4)", "now", "steps",
    "event[event.a]", *sorted(ROOTS),
])  # fmt: skip
FILTERS = st.sampled_from(sorted(ENVIRONMENT.filters))
CHAINS = st.builds(
    lambda path, filters: path + "".join(f" | {name}{': ' if args else ''}{', '.join(args)}" for name, args in filters),
    PATHS, st.lists(st.tuples(FILTERS, st.lists(PATHS, max_size=2)), max_size=3),
)  # fmt: skip
PIECES = st.one_of(
    st.text(max_size=6),
    CHAINS.map(lambda chain: f"{{{{ {chain} }}}}"),
    st.builds(lambda path, chain: f"{{% for x in {path} %}}{{{{ {chain} }}}}{{% endfor %}}", PATHS, CHAINS),
    st.builds(lambda path, chain: f"{{% if {path} %}}{{{{ {chain} }}}}{{% endif %}}", PATHS, CHAINS),
    CHAINS.map(lambda chain: f"{{% assign x = {chain} %}}"),
    st.sampled_from(["{{", "}}", "{%", "%}", "{% break %}", "{% endif %}", "{% cycle 1, 2 %}", "{% increment x %}"]),
)


def context(payload: dict[str, Any]) -> Context:
    event = {"type": "email_open", "source": "s", "payload": {**payload, "contactId": "c1"}, "metadata": {}}
    return Context(
        node_id="n", event=read_event(event, default_id="e", default_timestamp_ms=0), origin="live",
        facts=SubjectFacts(Subject("contact", "c1"), {}, lambda _entity: None), now_ms=0, wall_ms=0, time_scale=1,
        flow_user_id="u", step_outputs=StepOutputs({}, {}), previous_output={}, execution_tags=frozenset(),
    )  # fmt: skip


@settings(max_examples=300)
@given(st.lists(PIECES, min_size=1, max_size=4).map("".join), st.dictionaries(st.sampled_from("abc"), VALUES))
def test_any_text_is_refused_or_gives_the_same_json_each_time(text: str, payload: dict[str, Any]) -> None:
    with suppress(TemplateError):
        template = compile_config({"key": text})
        if template is not None:
            first = orjson.dumps(template.render(context(payload)))
            assert orjson.dumps(template.render(context(payload))) == first
