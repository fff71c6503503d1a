"""One running system for all tests of the contract: each works in a scope of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.flows import FLOWS
from tests.contract.lab import Lab, Up


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """`mal up`, ready."""
    running = Up(tmp_path_factory.mktemp("contract") / "data")
    try:
        running.ready()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def lab(up: Up, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The running system with the flows of `flows.FLOWS` published."""
    services = up.ready()
    files = write_files(tmp_path_factory.mktemp("flows"), FLOWS)
    applied = up.rows("flows", "apply", *files, "--publish")
    assert [flow["version"] for flow in applied] == [1] * len(FLOWS)
    made = Lab(up, services["kafka"], services["postgres"])
    yield made
    made.close()


def write_files(folder: Path, flows: list[dict[str, object]]) -> list[str]:
    paths = [folder / f"{number}.json" for number in range(len(flows))]
    for path, flow in zip(paths, flows, strict=True):
        path.write_text(json.dumps(flow))
    return [str(path) for path in paths]
