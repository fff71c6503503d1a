"""Runs a command as an ordinary user when we are root, because Postgres refuses to run as root.

`python unprivileged.py <uid> <gid> <command…>` gives up root for that user and becomes the command. On Linux it keeps
the right to pass directories that are closed to that user (a data directory below a 0700 home or temporary one), so
nobody's permissions have to be changed. Standard library only: it is run by its path in isolated mode.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT = 1, 8, 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522


def become(uid: int, gid: int) -> None:
    """Give up root for this user and group, for good."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform.startswith("linux") else None
    if libc is not None:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if libc is not None:
        _keep_passage(libc)
        # A change of user clears what the guard had set; a killed guard must still take its Postgres along.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)


def _keep_passage(libc: ctypes.CDLL) -> None:
    # Where the kernel refuses (a container without these capabilities), the command runs without them; if it then
    # can't reach its files it says so itself.
    wanted = 1 << CAP_DAC_OVERRIDE | 1 << CAP_DAC_READ_SEARCH
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(wanted, wanted, wanted, 0, 0, 0)
    if libc.capset(header, effective_permitted_inheritable) == 0:
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)


def main() -> None:
    """Become the user named first, then the command."""
    become(int(sys.argv[1]), int(sys.argv[2]))
    os.execv(sys.argv[3], sys.argv[3:])


if __name__ == "__main__":
    main()
