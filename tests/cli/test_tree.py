"""The table of commands: what is there, what comes later, and how each answers to being asked wrongly."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest
from typer.testing import CliRunner

from cli.lazy import Entry, Group, Later
from cli.main import app
from cli.tree import COMMANDS


def _paths(table: Mapping[str, Entry], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Entry]]:
    for name, entry in table.items():
        yield (*above, name), entry
        if isinstance(entry, Group):
            yield from _paths(entry.commands, (*above, name))


ALL = list(_paths(COMMANDS))
LATER = [path for path, entry in ALL if isinstance(entry, Later)]


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*path, "--help"], prog_name="mal")
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.startswith(f"Usage: mal {' '.join(path)} ")


@pytest.mark.parametrize("path", LATER, ids=" ".join)
def test_what_comes_later_is_refused_by_name_whatever_follows(path: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(app, [*path, "some", "--option", "3"], prog_name="mal")
    assert answer.exit_code == 1
    assert answer.stdout == ""
    assert f"{' '.join(path)}: not supported yet" in answer.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["nonsense"],
        ["flows", "nonsense"],
        ["flows", "validate"],
        ["flows", "validate", "--nonsense"],
        ["executions", "list", "--limit", "0"],
        ["executions", "list", "--limit", "x"],
        ["executions", "list", "--status", "asleep"],
        ["executions", "list", "--since", "yesterday"],
        ["trigger"],
        ["trigger", "some flow", "--payload", "{"],
        ["trigger", "some flow", "--payload", "[]"],
        ["limits", "show"],
        ["limits", "show", "--user", "u", "--workspace", "w"],
        ["limits", "set", "--user", "u"],
        ["limits", "set", "--user", "u", "--max-actions", "0"],
        ["limits", "set", "--user", "u", "--max-actions", "10001"],
        ["dead-letters", "redrive"],
        ["dead-letters", "redrive", "--all", "tap.cmg.events:0:1"],
        ["flows", "publish", "some flow", "--policy", "nonsense"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_2_and_says_so_on_stderr(args: list[str]) -> None:
    answer = CliRunner().invoke(app, args, prog_name="mal")
    assert answer.exit_code == 2, answer.output
    assert answer.stdout == ""
    assert "Error: " in answer.stderr


def test_a_name_that_is_nearly_right_is_answered_with_the_right_one() -> None:
    answer = CliRunner().invoke(app, ["flow"], prog_name="mal")
    assert "Did you mean 'flows'?" in answer.stderr


def test_a_name_that_is_like_none_is_answered_with_all_that_there_are() -> None:
    answer = CliRunner().invoke(app, ["xyz"], prog_name="mal")
    assert answer.exit_code == 2
    assert "No such command 'xyz'. There are up, worker, audit, " in answer.stderr
    assert "replay" not in answer.stderr


def test_what_comes_later_is_in_no_list() -> None:
    for path in LATER:
        shown = CliRunner().invoke(app, [*path[:-1], "--help"], prog_name="mal").stdout
        assert f"\n  {path[-1]} " not in shown


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["limits", "show"], "Error: give one of --user and --workspace\n"),
        (["flows", "list", "--status", "odd"], "Error: Invalid value for '--status': 'odd' is not one of"),
    ],
)
def test_wrong_usage_is_told_plainly(args: list[str], said: str) -> None:
    assert said in CliRunner().invoke(app, args, prog_name="mal").stderr


@pytest.mark.parametrize(
    ("args", "usage"),
    [
        (["flows", "apply"], "Usage: mal flows apply [OPTIONS] FILE...\n"),
        (["emit"], "Usage: mal emit [OPTIONS] FILE\n"),
        (["dead-letters", "redrive"], "Usage: mal dead-letters redrive [OPTIONS] [ID...]\n"),
    ],
)
def test_help_writes_arguments_as_people_do(args: list[str], usage: str) -> None:
    shown = CliRunner().invoke(app, [*args, "--help"], prog_name="mal").stdout
    assert usage in shown
    assert "<" not in shown.partition("Arguments:")[2].partition("Options:")[0]


def test_listing_the_commands_loads_none_of_them() -> None:
    code = "import sys, cli.main; print(sorted(m for m in sys.modules if m.split('.')[0] in HEAVY))"
    heavy = "HEAVY = {'faust', 'aiokafka', 'asyncpg', 'asyncio', 'liquid'}\n"
    shown = subprocess.run([sys.executable, "-c", heavy + code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
