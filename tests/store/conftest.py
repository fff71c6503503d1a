"""A pool for every test here."""

from __future__ import annotations

from tests.support.pools import pool

__all__ = ["pool"]
