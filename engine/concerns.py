"""Whether something that happened is an input of an execution at all: which of its waits it is for.

An event that nothing of an execution asks for, an answer too late and the end of a child that nothing waits for change
nothing: no exit rule is asked before them, and they move nothing to another version. Pure, over the waits of a run.
"""

from __future__ import annotations

from engine.awaiting import ANSWER, RETRY, AwaitedStep
from engine.events import Event
from engine.inputs import Answered, ChildEnded
from engine.listening import is_heard
from engine.nodes.base import EVENT
from engine.run import CHILD, Key, Run


def hearers(run: Run, event: Event) -> list[Key]:
    """Return the waits that an event is for."""
    return [
        key
        for key, wait in run.waits.items()
        if wait.reason == EVENT and is_heard(wait.knows["type"], wait.knows["match"], event)
    ]


def taker(run: Run, answer: Answered) -> Key | None:
    """Return the wait that an answer is for; none of a repeat, a late one, or the failure of an attempt before."""
    waits = run.waits.items()
    mine = (key for key, wait in waits if wait.reason in {ANSWER, RETRY} and AwaitedStep(wait.knows).takes(answer))
    return next(mine, None)


def runner(run: Run, ended: ChildEnded) -> Key | None:
    """Return the step that waits for a sub-flow."""
    waits = run.waits.items()
    return next(
        (key for key, wait in waits if wait.reason == CHILD and wait.knows["execution"] == ended.execution), None
    )
