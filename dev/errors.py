"""What can go wrong with the services of a development machine, as errors a person can act on."""

from __future__ import annotations

from pathlib import Path

TAIL_LINES = 25


class ServiceError(Exception):
    """A service did not start, or did not get ready: what it is, what happened, what to do, its last log lines."""

    def __init__(self, service: str, problem: str, advice: str = "", log: Path | None = None) -> None:
        super().__init__(service, problem, advice, log)
        self.service = service
        self.problem = problem
        self.advice = advice
        self.log = log

    def __str__(self) -> str:
        text = f"{self.service}: {self.problem}"
        if self.advice:
            text += f"; {self.advice}"
        if self.log is not None and (tail := last_lines(self.log)):
            text += f"\nthe end of {self.log}:\n" + "\n".join(f"  {line}" for line in tail)
        return text


class DataInUseError(Exception):
    """Another process runs on this data directory."""

    def __init__(self, data_dir: Path, pid: int) -> None:
        super().__init__(data_dir, pid)
        self.data_dir = data_dir
        self.pid = pid

    def __str__(self) -> str:
        return (
            f"{self.data_dir} is in use by process {self.pid}; stop that one first (Ctrl-C, or kill {self.pid}), "
            "or name another directory in MAL_DATA_DIR"
        )


def last_lines(log: Path, count: int = TAIL_LINES) -> list[str]:
    """Return the last `count` lines of a log, none where it can't be read."""
    try:
        return log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        return []
