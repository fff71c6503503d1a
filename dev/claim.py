"""One process at a time on a data directory: a lock file with the pid of its holder.

The lock belongs to an open file. Guards inherit it, so after a kill -9 it is held until the last service over the data
has ended, and the next start waits for that instead of running into it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from dev.errors import DataInUseError

FILE = "mal.lock"
# Guards end their services within 10 s after their parent went; a bit more for a busy machine.
ORPHANS_SECONDS = 20.0
PAUSE_SECONDS = 0.1


@contextlib.contextmanager
def claimed(data_dir: Path) -> Iterator[int]:
    """Hold the data directory; gives the descriptor to pass on to guards.

    Raises `DataInUseError` where a living process holds it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    held = os.open(data_dir / FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(held, data_dir)
        os.ftruncate(held, 0)
        os.pwrite(held, f"{os.getpid()}\n".encode(), 0)
        yield held
        os.ftruncate(held, 0)
    finally:
        os.close(held)


def _lock(held: int, data_dir: Path) -> None:
    deadline = time.monotonic() + ORPHANS_SECONDS
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = int(os.pread(held, 32, 0).strip() or b"0")
            # A holder whose pid is gone was killed; what it had started is just ending.
            if (pid and _alive(pid)) or time.monotonic() > deadline:
                raise DataInUseError(data_dir, pid) from None
            time.sleep(PAUSE_SECONDS)
        else:
            return


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
