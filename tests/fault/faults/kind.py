"""What a kind of fault is, as a row of a table."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.fault.system import System


class NotInflictedError(Exception):
    """The fault did not take place: nothing to count."""


Inflict = Callable[[System, random.Random], AbstractAsyncContextManager[str]]
"""Makes a fault happen, and gives what exactly, in a word or two; at the end of the block it is over."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    `weight`: how often it comes, beside the others of its lane. `seconds`: how long it lasts, at least and at most.
    """

    name: str
    inflict: Inflict
    weight: int = 1
    seconds: tuple[float, float] = (0.0, 0.0)
