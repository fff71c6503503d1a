"""Says where the services are once all is ready: services.json of the data directory (contract.md section 7)."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from cli.discovery import ANNOUNCEMENT, Endpoints


@contextlib.contextmanager
def announced(data_dir: Path, endpoints: Endpoints) -> Iterator[None]:
    """Write the announcement in one rename, readable by its owner only, and take it back at the end."""
    path = data_dir / ANNOUNCEMENT
    being_written = path.with_suffix(".tmp")
    being_written.unlink(missing_ok=True)
    content = {"kafka": endpoints.kafka, "postgres": endpoints.postgres, "api": endpoints.api}
    with os.fdopen(os.open(being_written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json.dumps(content) + "\n")
    being_written.replace(path)
    try:
        yield
    finally:
        withdraw(data_dir)


def withdraw(data_dir: Path) -> None:
    """Take back an announcement, also that of one that was killed before it could."""
    (data_dir / ANNOUNCEMENT).unlink(missing_ok=True)
