"""W3C trace context: what a record carries of the trace that it belongs to. Reads, checks and derives; sends nothing.

An event's `traceparent` is kept in its metadata, and so in the state of what it starts: a command that goes out a week
later still belongs to the trace of its trigger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from engine.types import Json

TRACEPARENT: Final = "traceparent"
TRACESTATE: Final = "tracestate"
MAX_STATE_CHARS: Final = 512
"""The most that has to be passed on of a tracestate."""
SAMPLED: Final = 1

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Trace(NamedTuple):
    """One place in a trace, as `traceparent` names it."""

    trace_id: str
    span_id: str
    flags: int

    @property
    def is_sampled(self) -> bool:
        """Whether whoever began the trace records it."""
        return bool(self.flags & SAMPLED)

    def wire(self) -> str:
        """Write it as a `traceparent`."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def read_trace(traceparent: Json) -> Trace | None:
    """Read a `traceparent`; None where it is none: W3C has it ignored then."""
    found = _TRACEPARENT.fullmatch(traceparent) if type(traceparent) is str else None
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return None
    if not found[2].strip("0") or not found[3].strip("0"):
        return None
    return Trace(found[2], found[3], int(found[4], 16))


def derived(chars: int, *names: object) -> str:
    """Return an id of so many hexadecimal digits that the same names always give: what is sent again is the same."""
    return sha256("\0".join(map(str, names)).encode()).hexdigest()[:chars]


def carried(metadata: Json, headers: Mapping[str, bytes]) -> Json:
    """Return an event's metadata with the trace context of its headers, where that is valid.

    A header wins over what the metadata say: it is of this very record. Metadata of a wrong shape are left alone.

    Args:
        metadata: of the event.
        headers: of the record, by their names in lower case; those of CloudEvents begin with `ce_`.
    """
    text = headers.get(TRACEPARENT) or headers.get(f"ce_{TRACEPARENT}")
    if text is None or not (metadata is None or type(metadata) is dict):
        return metadata
    parent = text.decode("ascii", "replace")
    if read_trace(parent) is None:
        return metadata
    kept = {name: value for name, value in (metadata or {}).items() if name not in {TRACEPARENT, TRACESTATE}}
    state = (headers.get(TRACESTATE) or headers.get(f"ce_{TRACESTATE}") or b"").decode("ascii", "replace")
    return {**kept, TRACEPARENT: parent, **({TRACESTATE: state} if 0 < len(state) <= MAX_STATE_CHARS else {})}


def trace_headers(parent: str, state: Json) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that a record of a trace has."""
    headers = ((TRACEPARENT, parent.encode()),)
    return (*headers, (TRACESTATE, state.encode())) if type(state) is str and state else headers
