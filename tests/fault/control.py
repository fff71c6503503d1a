"""What the driver tells a worker of the suite while it runs: where to die, how far its clock is off. A small file."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

CONTROL_VARIABLE = "FAULT_CONTROL"
POINTS = (
    "unit.decided",
    "unit.begun",
    "unit.sending",
    "unit.half",
    "unit.sent",
    "unit.ending",
    "unit.committed",
    "unit.applied",
)
"""Where a worker can die within a unit of commit, in their order."""
RESTORE_POINTS = ("restore.fenced", "restore.begun", "restore.done", "restore.resumed")
"""Where it can die while it takes shards over."""


@dataclass(frozen=True, slots=True)
class Control:
    """`die_at`: a point, at the `passes`-th time it is reached, `by` a signal; `clock_ms` is added to the clock."""

    clock_ms: int = 0
    die_at: str | None = None
    passes: int = 1
    by: Literal["SIGKILL", "SIGTERM"] = "SIGKILL"


def write_control(path: Path, control: Control) -> None:
    """Tell a worker, in one rename."""
    written = path.with_suffix(".new")
    written.write_text(json.dumps(asdict(control)))
    written.replace(path)


def read_control(path: Path) -> Control:
    """Read what a worker was told; nothing, where there is no file."""
    try:
        return Control(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return Control()


def died_file(path: Path) -> Path:
    """Where a worker notes the point at which it dies."""
    return path.with_suffix(".died")


def control_path() -> Path:
    """Where this worker is told."""
    return Path(os.environ[CONTROL_VARIABLE])
