"""Tell one execution as a story for people: a line a step, and under it what it waits for, made, or failed on.

Pure: takes the shape of contract.md section 4 and returns styled lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from cli.output import cell

STATUS_STYLES: Mapping[str, str] = {
    "succeeded": "green", "failed": "red", "partial": "yellow", "running": "cyan", "skipped": "dim",
    "paused": "magenta", "cancelled": "yellow",
}  # fmt: skip
UNITS: tuple[tuple[str, int], ...] = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


def tell(execution: Mapping[str, Any], names: Mapping[str, str], flow_name: str | None = None) -> Iterator[Text]:
    """Yield the lines of the story.

    Args:
        execution: the shape of contract.md section 4, with all steps.
        names: how its author calls a node, by node id.
        flow_name: how its author calls the flow.
    """
    yield from _head(execution, flow_name)
    waits = {wait["nodeId"]: wait for wait in execution.get("waiting") or ()}
    steps = execution.get("steps") or ()
    widths = tuple(max((len(text) for text in texts), default=0) for texts in (
        [_name(step, names) for step in steps], [_kind(step) for step in steps],
    ))  # fmt: skip
    for number, step in enumerate(steps, 1):
        yield from _step(number, step, names, widths, waits.get(step["nodeId"]))


def held_back(decision: Mapping[str, Any], flow_name: str | None = None) -> Iterator[Text]:
    """Yield the lines that tell why there is no such execution: the shape of a decision, contract.md section 4."""
    subject = decision.get("subject") or {}
    yield Text.assemble("no execution: ", (cell(decision["decision"]), "yellow"), f", {cell(decision['reason'])}")
    yield _fact("flow", _flow(cell(decision.get("flowId")), flow_name))
    yield _fact("subject", f"{cell(subject.get('type'))} {cell(subject.get('id'))}")
    yield _fact("scope", _scope(decision))
    yield _fact("event", cell(decision.get("eventId")))
    yield _fact("at", cell(decision.get("at")))


def _head(execution: Mapping[str, Any], flow_name: str | None) -> Iterator[Text]:
    status = execution["status"]
    yield Text.assemble("execution ", execution["executionId"], "  ", _status(status))
    subject = execution.get("subject") or {}
    trigger = execution.get("trigger") or {}
    if reason := execution.get("endReason"):
        yield _fact("reason", cell(reason))
    yield _fact("flow", _flow(execution["flowId"], flow_name, f" version {execution['flowVersion']}"))
    yield _fact("subject", f"{cell(subject.get('type'))} {cell(subject.get('id'))}")
    yield _fact("scope", _scope(execution))
    yield _fact("origin", cell(execution.get("origin")))
    yield _fact(
        "trigger", f"{cell(trigger.get('type'))} {cell(trigger.get('eventId'))} of {cell(trigger.get('source'))}"
    )
    yield _fact("times", _times(execution))
    if error := execution.get("error"):
        yield _fact("error", _error(error), "red")
    yield Text()


def _step(
    number: int,
    step: Mapping[str, Any],
    names: Mapping[str, str],
    widths: Sequence[int],
    wait: Mapping[str, Any] | None,
) -> Iterator[Text]:
    repeats = [f"{word} {step[word]}" for word in ("visit", "try") if (step.get(word) or 1) > 1]
    port = f" → {step['port']}" if step.get("port") else ""
    yield Text.assemble(
        f"{number:3}  {_name(step, names):<{widths[0]}}  {_kind(step):<{widths[1]}}  ", _status(step["status"]), port,
        f"  {' '.join(repeats)}" if repeats else "", "  ", (_times(step), "dim"),
    )  # fmt: skip
    if step.get("reason"):
        yield _detail("because", cell(step["reason"]))
    if wait and step["status"] == "running":
        yield _detail("waits", f"for {wait['for']}" + (f" until {wait['until']}" if wait.get("until") else ""))
    if error := step.get("error"):
        yield _detail("error", _error(error), "red")
    yield from _commands(step)


def _commands(step: Mapping[str, Any]) -> Iterator[Text]:
    answers = {answer["commandId"]: answer for answer in step.get("answers") or ()}
    for command in step.get("commandIds") or ():
        answer = answers.get(command)
        yield _detail("command", command + (f"  answered {_answer(answer)}" if answer else ""))


def _answer(answer: Mapping[str, Any]) -> str:
    error = answer.get("error")
    return cell(answer.get("status")) + (f": {cell(error)}" if error else "")


def _name(step: Mapping[str, Any], names: Mapping[str, str]) -> str:
    return cell(names.get(step["nodeId"], step["nodeId"]))


def _kind(step: Mapping[str, Any]) -> str:
    return f"{step['type']} {step['subtype']}"


def _status(status: str) -> tuple[str, str]:
    return status, STATUS_STYLES.get(status, "")


def _fact(name: str, text: str, style: str = "") -> Text:
    return Text.assemble(f"  {name:<8} ", (text, style))


def _detail(name: str, text: str, style: str = "") -> Text:
    return Text.assemble(f"       {name:<8} ", (text, style))


def _flow(flow_id: str, name: str | None, version: str = "") -> str:
    return f"{cell(name)}{version} ({flow_id})" if name else f"{flow_id}{version}"


def _scope(execution: Mapping[str, Any]) -> str:
    if workspace := execution.get("workspaceId"):
        return f"workspace {cell(workspace)}"
    return f"user {cell(execution.get('userId'))}"


def _error(error: Mapping[str, Any] | str) -> str:
    if isinstance(error, str):
        return cell(error)
    about = [f"{word} {cell(error[word])}" for word in ("field", "value") if error.get(word) is not None]
    return f"{cell(error.get('code'))}: {cell(error.get('message'))}" + (f" ({', '.join(about)})" if about else "")


def _times(moved: Mapping[str, Any]) -> str:
    started, finished = moved.get("startedAt"), moved.get("finishedAt")
    if not started:
        return ""
    if not finished:
        return f"since {started}"
    if started == finished:
        return str(started)
    took = datetime.fromisoformat(finished) - datetime.fromisoformat(started)
    return f"{started}, took {duration(round(took.total_seconds() * 1000))}"


def duration(milliseconds: int) -> str:
    """Write a duration with its two largest units, like `7d 2h`, `1m 5s` or `12ms`."""
    if milliseconds < UNITS[-1][1]:
        return f"{milliseconds}ms"
    parts: list[str] = []
    for unit, size in UNITS:
        if count := milliseconds // size:
            parts.append(f"{count}{unit}")
        milliseconds %= size
    return " ".join(parts[:2])
