"""Groups that load a command when it is named, so that `mal flows validate` never pays for Kafka or Postgres.

Knows how to find and wrap a command's module; knows no command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup

from cli.errors import Refused, reporting


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the module whose function `command` it is, and a line for the list of its group."""

    module: str
    summary: str


@dataclass(frozen=True, slots=True)
class Later:
    """A command of the contract that is not built yet: refused by name, whatever follows it."""

    summary: str = "Not supported yet."


@dataclass(frozen=True, slots=True)
class Group:
    """A group of commands with a line for the list it stands in."""

    summary: str
    commands: Mapping[str, Entry] = field(default_factory=dict)


Entry = Command | Later | Group


class LazyGroup(TyperGroup):
    """A group whose commands are a table; listing them imports none of them."""

    table: ClassVar[Mapping[str, Entry]] = {}

    # Contexts and formatters are typed by a private package of typer, hence Any.
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 -- typer's signature
        """Name the commands in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command, or None where the table has none of that name."""
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        return _load(ctx, cmd_name, entry)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command of the first argument; a name that is close to one is answered with it."""
        # typer looks for close names among loaded commands only; the table is all of them.
        if args[0] not in self.table and not args[0].startswith("-"):
            built = [name for name, entry in self.table.items() if not isinstance(entry, Later)]
            near = get_close_matches(args[0], built, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are {', '.join(built)}."
            ctx.fail(f"No such command {args[0]!r}. {hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named; what is wrong with an option is told without words of the parser's."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 -- typer's signature
        """Write the list of commands from the table, without those that are not built yet."""
        with formatter.section("Commands"):
            built = [(name, entry.summary) for name, entry in self.table.items() if not isinstance(entry, Later)]
            formatter.write_dl(built)


def _load(ctx: Any, name: str, entry: Entry) -> Any:
    match entry:
        case Command(module=module):
            return _command(name, import_module(module).command)
        case Later():
            return _later(f"{ctx.command_path} {name}".removeprefix("mal "))
        case Group(summary=summary, commands=commands):
            kind = type(f"{name.title()}Group", (LazyGroup,), {"table": commands})
            return kind(name=name, help=summary, no_args_is_help=True, rich_markup_mode=None)


def _command(name: str, function: Any) -> Any:
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    settings = {"help_option_names": ["-h", "--help"]}
    single.command(name, context_settings=settings)(reporting(function))
    command = typer.main.get_command(single)
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            _name_plainly(parameter)
    return command


def _name_plainly(argument: Any) -> None:
    """Have help write an argument as `FILE...`, as people do, in place of `{FILE}...` and `FILE <list[str]>`."""
    name = f"{argument.metavar}{'...' if argument.nargs != 1 else ''}"
    name = name if argument.required else f"[{name}]"
    argument.metavar = name
    argument.get_usage_pieces = lambda _ctx: [name]
    argument.display_type_rich = lambda **_ctx: None


def _later(path: str) -> Any:
    def refuse(_ctx: typer.Context) -> None:
        raise Refused(f"{path}: not supported yet")

    refuse.__doc__ = f"Not supported yet: mal {path}."
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}
    single.command(context_settings=anything)(reporting(refuse))
    return typer.main.get_command(single)
