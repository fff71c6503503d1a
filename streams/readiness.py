"""How a process says that it is ready: by writing a file, for whoever started it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

READY_VARIABLE: Final = "MAL_READY_FILE"
"""The environment variable that names the file."""


class HealthAddressError(RuntimeError):
    """Where health is to be asked cannot be listened on. The message names the settings."""


def say_ready(path: str | None, **told: str) -> None:
    """Write the file, in one rename; where nobody asked for one (None, or empty), do nothing.

    Args:
        path: of the file.
        told: what else it says: where the health of the process is asked, for example.
    """
    if not path:
        return
    ready = Path(path)
    ready.parent.mkdir(parents=True, exist_ok=True)
    fresh = ready.with_suffix(f"{ready.suffix}.new")
    fresh.write_text(json.dumps({"ready": True, **told}), encoding="utf-8")
    fresh.replace(ready)
