"""What the tests of this project ask of the tools that spread them over processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

GROUP = """
import os, pathlib, pytest

@pytest.mark.xdist_group("of one system")
@pytest.mark.parametrize("number", range(8))
def test_where_it_runs(number):
    pathlib.Path(f"ran-{number}").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""


def test_what_shares_a_system_runs_in_one_process(tmp_path: Path) -> None:
    # With pytest 9.2 and pytest-xdist 3.8 it does not, and only tests that look for what others began say so.
    (tmp_path / "test_group.py").write_text(GROUP)
    command = [sys.executable, "-m", "pytest", "--numprocesses", "2", "--dist", "loadgroup", "test_group.py"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ran = subprocess.run(command, cwd=tmp_path, env=plain, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout
    assert len({(tmp_path / f"ran-{number}").read_text() for number in range(8)}) == 1
