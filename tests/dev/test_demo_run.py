"""The demo as `make demo` runs it: it ends by itself, reconciles, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.services, pytest.mark.fault]

ROOT = Path(__file__).parents[2]
LONGEST_SECONDS = 180.0


def test_the_main_job_reconciles_in_less_than_three_minutes(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dev.demo"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all of it holds" in done.stdout
    assert "✗" not in done.stdout
    assert list(tmp_path.iterdir()) == []
