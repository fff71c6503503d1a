"""What every test may ask for, and the order they run in: quick ones first, then those that need services."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.support.services import SERVICE_FIXTURES, database, kafka, migrated_template, postgres

__all__ = ["database", "kafka", "migrated_template", "postgres"]

# How long an example takes is the machine's affair: nothing here is a timed test.
settings.register_profile("mal", deadline=None)
settings.load_profile("mal")


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for a service, and put it after what does not."""
    for item in items:
        if SERVICE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker("services")
        if group := _shares_a_system(item):
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_slowness)


def _shares_a_system(item: pytest.Item) -> str | None:
    """Name those that one process must run, because they share what they start: a file, or the whole contract."""
    folders = item.path.parts
    if not item.get_closest_marker("services") or "fault" in folders:
        return None  # a fault test has a system of its own
    return "contract" if "contract" in folders else item.nodeid.partition("::")[0]


def _slowness(item: pytest.Item) -> int:
    if item.get_closest_marker("fault"):
        return 3
    if "contract" in item.path.parts:
        return 1  # of those that need services the longest, so the first: nobody waits for it in the end
    return 2 if item.get_closest_marker("services") else 0
