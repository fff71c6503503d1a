"""Divide subjects into arms by weight: sticky, and moving the weights moves the fewest.

Weighted rendezvous hashing: each arm draws -weight / ln(u) with a `u` of its own for each subject, and the highest draw
wins. A draw depends on nothing but the subject, the salt and the arm, so an arm that gains weight only takes subjects,
one that loses only gives them away, and one that is new takes exactly its share, from all the others alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import log

from engine.chance import fraction
from engine.types import Subject


def arm_of(subject: Subject, salt: str, arms: Iterable[tuple[str, float]]) -> str:
    """Return the arm of a subject.

    Args:
        subject: who is divided.
        salt: splits of one salt divide alike, those of different salts independently.
        arms: names, each once, with their weights; at least one is above 0.
    """
    drawn = [
        (-weight / log(fraction("split", salt, subject.type, subject.id, arm)), arm)
        for arm, weight in arms
        if weight > 0
    ]
    return max(drawn)[1]
