"""Benchmarks: they print figures beside something that runs in the same session, and are no tests."""
