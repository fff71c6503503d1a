"""Bytes that somebody may put on a topic, to see what a worker does: JSON that is odd, deep, huge, or none at all."""

from __future__ import annotations

import json

from hypothesis import strategies as st

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["", " ", "\0", "a\0b", "\ud800", "\udfff\ud800", "𝄞", "é", "\u2028", "{{ event }}", "null", "é" * 300]
    ),
    st.integers(1, 40_000).map("x".__mul__),
)
_ODD = st.sampled_from([
    "NaN", "-Infinity", "1e400", "-1e400", "1e-400", "-0", "0.1e1", "9223372036854775807", "-9223372036854775809",
    "18446744073709551615", "18446744073709551616", "1" * 400, "1" * 5_000,
    '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"',
    '"\\\\u0000"', '"\\\\\\u0000"', "nul", "'a'", '"', "01", "[1,]", '{"a":1,}', "/**/1", "\ufeff1", '{"a":1,"a":2}',
    '{"":0}', '{"\\u0000":0}', '{"a.b":{"$ref":"#"}}', '{"__proto__":[]}', "[[]]", "\t[ ]\n",
])  # fmt: skip
"""JSON that readers disagree about, and what only looks like it."""
_DEEP = st.builds(
    lambda depth, pair: pair[0] * depth + pair[1] + pair[2] * depth,
    st.sampled_from([1, 60, 63, 64, 65, 200, 1_100, 100_000]),
    st.sampled_from([("[", "", "]"), ('{"a":', "1", "}"), ("[", "", ""), ('[{"a":', "[]", "}]")]),
)
_SCALARS = st.one_of(
    st.sampled_from(["null", "true", "false"]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(json.dumps),
    TEXTS.map(json.dumps),
)


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in pairs) + "}"


VALUES = st.recursive(
    _SCALARS | _ODD,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.lists(st.tuples(TEXTS, inner), max_size=3).map(_object),
    ),
    max_leaves=5,
)
"""JSON as text, not always well-formed."""


def objects(*fields: str, always: dict[str, str] | None = None) -> st.SearchStrategy[str]:
    """Make JSON objects as text: some of these fields, perhaps twice, after those that always stand there."""
    some = st.lists(st.tuples(st.sampled_from(fields), VALUES | _DEEP), max_size=3)
    return some.map(lambda pairs: _object([*(always or {}).items(), *pairs]))


def as_bytes(texts: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """Encode texts, here and there not as they should be."""
    whole = texts.map(lambda text: text.encode("utf-8", "surrogatepass"))
    return st.one_of(
        whole, whole, whole, texts.map(lambda text: text.encode("utf-16", "surrogatepass")),
        st.builds(lambda content, cut: content[:cut], whole, st.integers(0, 60)), st.binary(max_size=40),
    )  # fmt: skip


KEYS = st.none() | st.just(b"c1") | st.binary(max_size=6)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["content-type", "ce_specversion", "ce_id", "ce_type", "ce_time", "mal-trigger", "\0", "x" * 300]
        ),
        st.none()
        | st.binary(max_size=8)
        | st.sampled_from([b"1.0", b"application/cloudevents+json", b"{}", b"email_open"]),
    ),
    max_size=3,
)
TIMESTAMPS = st.sampled_from([0, 1, -1, 1_790_000_000_000, 2**53, 2**62])
