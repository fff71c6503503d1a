"""Where the page says "by a hash": the hash, and what is drawn with it.

The page says that it must never change, not which it is; so this one is written down here a second time.
"""

from __future__ import annotations

import json
from hashlib import sha1
from math import log
from typing import Any

Subject = tuple[str, str]


def fraction(*names: Any) -> float:
    """A number between 0 and 1 that depends on the names alone."""
    digest = sha1(json.dumps(names, ensure_ascii=False, separators=(",", ":")).encode(), usedforsecurity=False)
    return (int(digest.hexdigest()[:16], 16) // 2**11 + 0.5) / 2**53


def arm(subject: Subject, salt: str, variants: list[dict[str, Any]]) -> str:
    """The arm of a subject: the highest of -weight / ln(u), with a `u` of its own for each arm."""
    draws: dict[str, float] = {
        variant["label"]: -variant.get("weight", 1) / log(fraction("split", salt, *subject, variant["label"]))
        for variant in variants
    }
    return max(draws, key=lambda label: draws[label])


def held_out(holdout: dict[str, Any] | None, subject: Subject, own_salt: str) -> bool:
    """Whether a subject never enters, to see what the flow does."""
    if not holdout:
        return False
    return bool(fraction("holdout", holdout.get("salt") or own_salt, *subject) * 100 < holdout["percent"])


def backoff_seconds(rule: dict[str, Any], command: str, attempt: int) -> float:
    """The pause after a failed attempt: growing, bounded, and up to a fifth shorter."""
    pause = rule.get("initialSeconds", 30) * rule.get("factor", 2) ** (attempt - 1)
    longest: float = rule.get("maxSeconds", 3_600)
    return float(min(pause, longest) * (1 - 0.2 * fraction("backoff", command, attempt)))
