"""Writes the lock files: every package of the virtual environment that the project needs, pinned (`make lock`).

Reads what is installed and asks no index, so the files name versions and no download address. It must not know which
packages the project uses: pyproject.toml says so.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
HEADER = "# Written by `make lock` from what is installed; change pyproject.toml, not this file.\n"


def closure(requirements: Iterable[str]) -> dict[str, str]:
    """Return name → version of everything these requirements need, as installed.

    Raises `importlib.metadata.PackageNotFoundError` where one is not installed.
    """
    pinned: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    queue = [Requirement(line) for line in requirements]
    while queue:
        wanted = queue.pop()
        name = canonicalize_name(wanted.name)
        installed = distribution(wanted.name)
        pinned[name] = installed.version
        for extra in ("", *sorted(wanted.extras)):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            needs = (Requirement(line) for line in installed.requires or ())
            queue.extend(need for need in needs if need.marker is None or need.marker.evaluate({"extra": extra}))
    return pinned


def write(path: Path, requirements: Iterable[str]) -> None:
    """Write the lock file of these requirements."""
    pins = sorted(closure(requirements).items())
    path.write_text(HEADER + "".join(f"{name}=={version}\n" for name, version in pins), encoding="utf-8")


def main() -> None:
    """Write requirements.lock (everything) and requirements-run.lock (the service alone, for the image)."""
    about = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    run: list[str] = about["project"]["dependencies"]
    build: list[str] = about["build-system"]["requires"]
    extras: dict[str, list[str]] = about["project"]["optional-dependencies"]
    write(ROOT / "requirements-run.lock", [*run, *build])
    write(ROOT / "requirements.lock", [*run, *build, *(line for extra in extras.values() for line in extra)])


if __name__ == "__main__":
    main()
