"""How a process says that it is ready: by writing a file, for whoever started it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

READY_VARIABLE: Final = "MAL_READY_FILE"
"""The environment variable that names the file."""


def say_ready(path: str | None) -> None:
    """Write the file, in one rename; where nobody asked for one (None, or empty), do nothing."""
    if not path:
        return
    ready = Path(path)
    ready.parent.mkdir(parents=True, exist_ok=True)
    fresh = ready.with_suffix(f"{ready.suffix}.new")
    fresh.write_text('{"ready": true}', encoding="utf-8")
    fresh.replace(ready)
