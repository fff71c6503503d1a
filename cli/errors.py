"""What a person sees when a command does not do its work: one message on stderr, and the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import typer

P = ParamSpec("P")
R = TypeVar("R")

REFUSED = 1
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


class Refused(Exception):  # noqa: N818 -- what happened to the command, as its user says it
    """A command was refused or failed. The message names the thing, the value and what to do."""


class WrongUsage(typer.BadParameter):
    """Options that do not go together, or a lack of them: no value of one of them is wrong."""

    def format_message(self) -> str:
        """Return the message without the words for a wrong value."""
        return self.message


def reporting(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command so that a refusal is a message and an exit code, not a traceback."""

    @wraps(function)
    def reported(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Refused as refusal:
            typer.echo(f"mal: {refusal}", err=True)
            raise typer.Exit(REFUSED) from refusal
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # The reader (`| head`) has gone. Python would complain again when it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(REFUSED) from None

    return reported
