"""Where others throw a die, the engine hashes: the same names give the same number, whenever and wherever.

Splits, holdouts and the spread of deferred messages all draw from here. It must never change: people would move.
"""

from __future__ import annotations

import json
from hashlib import sha1
from typing import Final

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_STEPS: Final = 1 << 53


def fraction(*parts: str | int) -> float:
    """Return a number above 0 and below 1 that looks random and depends on the parts alone."""
    name = _ENCODER.encode(parts).encode("utf-8", "surrogatepass")
    drawn = int.from_bytes(sha1(name, usedforsecurity=False).digest()[:8], "big") >> 11
    # In the middle of its step, so that neither end is ever drawn and its logarithm exists.
    return (drawn + 0.5) / _STEPS
