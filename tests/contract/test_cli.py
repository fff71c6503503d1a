"""The command line as the contract has it (section 7): what it prints where, what it refuses, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner, Result

from cli.lazy import Entry, Group, Later
from cli.main import app
from cli.tree import COMMANDS
from tests.contract.lab import EVENT_TOPICS, Lab, Up, derived, event, execution_id, flow_file, flow_id, node_id, until

pytestmark = pytest.mark.services

Nodes = dict[str, tuple[str, dict[str, Any]]]
FOLLOW_UP = """\
flow: {name: Follow up after a week, userId: u-cli, workspaceId: null, triggerType: event, settings: {entry: {rule: every_event}}}
nodes:
  - {ref: opened, type: trigger, subtype: email_open, config: {allCampaigns: true}}
  - {ref: week, type: action, subtype: delay, config: {delaySeconds: 604800}}
  - {ref: silent, type: condition, subtype: if_field_match, config: {field: event.replied, operator: equals, value: false}}
  - {ref: nudge, type: action, subtype: send_email_campaign, config: {subject: About my track, body: Any thoughts?, fromEmail: artist@example.com}}
edges:
  - {sourceNodeId: opened, targetNodeId: week}
  - {sourceNodeId: week, targetNodeId: silent}
  - {sourceNodeId: silent, targetNodeId: nudge, conditionLabel: true}
"""  # noqa: E501 the file of the contract, its label a boolean
START: Nodes = {"start": ("email_open", {})}
NOTE = ("log_event", {"message": "m"})


def _file(folder: Path, content: Any, name: str = "flow.json") -> str:
    file = folder / name
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(file)


# ---- flows


def test_the_contract_s_own_file_is_applied_published_and_exported(lab: Lab, tmp_path: Path) -> None:
    file = _file(tmp_path, FOLLOW_UP, "follow.yaml")
    flow = flow_id("u-cli", "Follow up after a week")
    (created,) = lab.rows("flows", "apply", file)
    assert created == {"id": flow, "name": "Follow up after a week", "version": 0, "changed": True}
    assert lab.rows("flows", "apply", file)[0]["changed"] is False
    (published,) = lab.rows("flows", "apply", file, "--publish")
    assert (published["version"], published["changed"]) == (1, True)
    assert lab.rows("flows", "apply", file, "--publish") == [{**published, "changed": False}]
    exported = lab.mal("flows", "export", flow)
    (again,) = lab.rows("flows", "apply", _file(tmp_path, exported.stdout, "again.yaml"), "--publish")
    assert again == {**published, "changed": False}
    (shown,) = lab.rows("flows", "show", "Follow up after a week")
    assert shown.keys() >= {
        "id", "userId", "workspaceId", "name", "description", "isActive", "triggerType", "status", "version",
        "settings", "createdAt", "updatedAt", "nodes", "edges",
    }  # fmt: skip
    assert (shown["status"], shown["isActive"], shown["version"]) == ("published", True, 1)
    assert shown["settings"] == {"entry": {"rule": "every_event"}}
    assert shown["edges"][2]["conditionLabel"] == "true"
    for node in shown["nodes"]:
        assert node.keys() >= {"id", "ref", "flowId", "type", "subtype", "config", "options", "position"}
        assert (node["id"], node["flowId"]) == (node_id(flow, node["ref"]), flow)
    assert flow in [one["id"] for one in lab.rows("flows", "list")]


def test_a_flow_is_found_by_its_id_and_then_by_its_name_within_the_scope(lab: Lab, tmp_path: Path) -> None:
    own = str(uuid4())
    first = flow_file("u-cli-2", "name", START, "", id=own)
    assert lab.rows("flows", "apply", _file(tmp_path, first))[0]["id"] == own
    renamed = flow_file("u-cli-2", "renamed", START, "", id=own)
    (row,) = lab.rows("flows", "apply", _file(tmp_path, renamed))
    assert (row["id"], row["name"], row["changed"]) == (own, "renamed", True)
    by_name = flow_file("u-cli-2", "renamed", {**START, "note": NOTE}, "start>note")
    assert lab.rows("flows", "apply", _file(tmp_path, by_name))[0]["id"] == own
    elsewhere = flow_file("u-cli-3", "renamed", START, "")
    assert lab.rows("flows", "apply", _file(tmp_path, elsewhere))[0]["id"] == flow_id("u-cli-3", "renamed")
    ambiguous = lab.mal("flows", "show", "renamed")
    assert (ambiguous.returncode, ambiguous.stdout) == (1, "")
    assert own in ambiguous.stderr


INVALID: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no trigger": (flow_file("u", "x", {"note": NOTE}, ""), ["trigger"]),
    "two triggers": (flow_file("u", "x", {**START, "other": ("email_click", {})}, ""), ["other", "trigger"]),
    "an edge to nowhere": (flow_file("u", "x", START, "start>gone"), ["gone"]),
    "an unknown subtype": (flow_file("u", "x", {**START, "n": ("log_evnt", {})}, "start>n"), ["n", "log_evnt"]),
    "an unknown key": (flow_file("u", "x", {"start": ("email_open", {"campain": 1})}, ""), ["start", "campain"]),
    "a bad value": (
        flow_file("u", "x", {**START, "n": ("delay", {"delaySeconds": "soon"})}, "start>n"),
        ["n", "delaySeconds", "soon"],
    ),
    "a missing key": (flow_file("u", "x", {**START, "n": ("tag_contact", {})}, "start>n"), ["n", "tag"]),
    "no label of its node": (
        flow_file("u", "x", {**START, "n": ("if_tag_present", {"tag": "t"}), "m": NOTE}, "start>n n>m:maybe"),
        ["n", "maybe"],
    ),
    "a cycle without a wait": (
        flow_file("u", "x", {**START, "n": NOTE, "m": NOTE}, "start>n n>m m>n"), ["n", "m", "cycle"]
    ),
    "an unknown root": (
        flow_file("u", "x", {**START, "n": ("log_event", {"message": "{{ evnt.x }}"})}, "start>n"), ["n", "evnt"]
    ),
    "an unknown key of the flow": (flow_file("u", "x", START, "", colour="red"), ["colour"]),
    "an unknown setting": (flow_file("u", "x", START, "", settings={"entri": {}}), ["entri"]),
    "an unknown key of the file": ({**flow_file("u", "x", START, ""), "extra": 1}, ["extra"]),
    "neither user nor workspace": (flow_file(None, "x", START, ""), ["userId"]),
    "no name": (flow_file("u", "", START, ""), ["name"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def reports(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What `flows validate --json` says of each file; it needs no service."""
    folder = tmp_path_factory.mktemp("invalid")
    files = {_file(folder, content, f"{n}.json"): name for n, (name, (content, _)) in enumerate(INVALID.items())}
    nowhere = Up.__new__(Up)
    nowhere.environment = {**lab.up.environment, "MAL_DATA_DIR": str(folder / "nothing")}
    done = nowhere.mal("flows", "validate", *files, "--json")
    assert done.returncode == 1
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {files[report["file"]]: report for report in found}


@pytest.mark.parametrize("what", INVALID)
def test_an_invalid_flow_is_refused_and_says_why(reports: dict[str, dict[str, Any]], what: str) -> None:
    report = reports[what]
    assert report.keys() == {"file", "isValid", "errors", "warnings"}
    assert report["isValid"] is False
    said = json.dumps(report["errors"])
    for word in INVALID[what][1]:
        assert word in said
    for error in report["errors"]:
        assert error.keys() >= {"path", "nodeId", "message"}


def test_what_is_invalid_stores_nothing_and_neither_do_the_others_of_the_call(lab: Lab, tmp_path: Path) -> None:
    good = _file(tmp_path, flow_file("u-cli-4", "good", START, ""), "good.json")
    bad = _file(tmp_path, INVALID["a bad value"][0], "bad.json")
    refused = lab.mal("flows", "apply", good, bad, "--publish", "--json")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "soon" in refused.stderr
    assert not lab.rows("flows", "list", "--user", "u-cli-4")
    assert lab.mal("flows", "validate", good).returncode == 0


def test_warnings_are_no_errors(lab: Lab, tmp_path: Path) -> None:
    flow = flow_file("u", "x", {
        **START, "split": ("if_tag_present", {"tag": "t"}), "note": NOTE, "alone": NOTE,
        "years": ("delay", {"delaySeconds": 366 * 86_400}),
    }, "start>split split>note:true start>years")  # fmt: skip
    (report,) = lab.rows("flows", "validate", _file(tmp_path, flow))
    assert report["isValid"] is True
    said = [warning["message"] for warning in report["warnings"]]
    assert len(said) == 3
    for ref in ("split", "alone", "years"):
        assert any(f'"{ref}"' in message for message in said)


def _later(commands: Mapping[str, Entry] = COMMANDS, *groups: str) -> Iterator[list[str]]:
    for name, entry in commands.items():
        if isinstance(entry, Later):
            yield [*groups, name]
        elif isinstance(entry, Group):
            yield from _later(entry.commands, *groups, name)


@pytest.mark.parametrize("verb", list(_later()), ids=" ".join)
def test_a_verb_that_is_not_built_yet_is_refused_by_name_whatever_follows(verb: list[str]) -> None:
    refused = _run_here(*verb, "anything", "--at", "all")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "not supported yet" in refused.stderr


@pytest.mark.parametrize("arguments", [
    ["nonsense"], ["flows"], ["flows", "apply"], ["emit"], ["executions", "list", "--status", "odd"],
    ["executions", "list", "--limit", "x"], ["flows", "publish", "f", "--policy", "odd"],
])  # fmt: skip
def test_wrong_usage_is_2(arguments: list[str]) -> None:
    done = _run_here(*arguments)
    assert done.exit_code == 2
    assert done.output


@pytest.mark.parametrize("command", [
    "", "up", "worker", "audit", "simulate", "topics create", "db migrate", "flows list", "flows show",
    "flows validate", "flows apply", "flows export", "flows publish", "flows archive", "emit", "trigger",
    "executions list", "executions show", "dead-letters list", "dead-letters show", "dead-letters redrive",
    "limits show", "limits set", "doctor",
])  # fmt: skip
def test_every_command_has_help(command: str) -> None:
    done = _run_here(*command.split(), "--help")
    assert done.exit_code == 0
    assert "Usage: mal" in done.output


# ---- events and executions


def test_emit_puts_each_event_under_its_subject_and_prints_the_ids(lab: Lab) -> None:
    lines = [
        event("email_open", "u-in", contactId="c-emit"),
        {"type": "email_open", "source": "s", "payload": {"contactId": 12}, "metadata": {"userId": "u-in"}},
        event("campaign_created", "u-in-context", campaignId="k-emit"),
    ]
    done = lab.mal("emit", "-", stdin="\n".join(map(json.dumps, lines)) + "\n")
    assert done.returncode == 0, done.stderr
    ids = done.stdout.split()
    assert (len(ids), ids[0], ids[2]) == (3, lines[0]["id"], lines[2]["id"])
    for given, event_id, (user, subject) in zip(
        lines, ids, [("u-in", ("contact", "c-emit")), ("u-in", ("contact", "12")),
                     ("u-in-context", ("campaign", "k-emit"))], strict=True,
    ):  # fmt: skip
        execution = derived("x", flow_id(user, "in"), given["source"], *subject, event_id)
        assert lab.ended(execution)["input"]["topic"] == EVENT_TOPICS[given["type"]]


def test_emit_checks_all_lines_first(lab: Lab, tmp_path: Path) -> None:
    good = event("email_open", "u-in", contactId="c-never")
    lines = [json.dumps(good), "{", json.dumps({**good, "type": "odd_type"}), json.dumps({**good, "payload": 1})]
    refused = lab.mal("emit", _file(tmp_path, "\n".join(lines), "events.jsonl"), "--json")
    assert (refused.returncode, refused.stdout) == (1, "")
    for said in ("line 2", "line 3", "odd_type", "line 4"):
        assert said in refused.stderr
    after = event("email_open", "u-in", contactId="c-never")
    lab.send(after)
    lab.ended(execution_id(flow_id("u-in", "in"), after, ("contact", "c-never")))
    assert not lab.story(execution_id(flow_id("u-in", "in"), good, ("contact", "c-never")))
    assert lab.mal("emit", str(tmp_path / "nothing")).returncode == 1


def test_executions_are_listed_by_what_one_asks_and_shown_with_all_steps(lab: Lab) -> None:
    contact, flow = str(uuid4()), flow_id("u-fails", "fails")
    ids = []
    for _ in range(3):
        sent = event("email_open", "u-fails", contactId=contact)
        lab.send(sent)
        ids.append(execution_id(flow, sent, ("contact", contact)))
    for execution in ids:
        lab.ended(execution)
    _until_in_postgres(lab, ids)

    def listed(*filters: str) -> list[str]:
        return [row["executionId"] for row in lab.rows("executions", "list", "--subject", contact, *filters)]

    assert sorted(listed()) == sorted(ids)
    assert sorted(listed("--flow", flow, "--status", "failed", "--since", "1h")) == sorted(ids)
    assert not listed("--status", "succeeded")
    assert not listed("--since", "2100-01-01T00:00:00Z")
    assert len(listed("--limit", "2")) == 2
    (shown,) = lab.rows("executions", "show", ids[0])
    end = lab.ended(ids[0])
    for name, value in end.items():
        if name != "steps":
            assert shown[name] == value, name
    assert [{name: step[name] for name in told} for step, told in zip(shown["steps"], end["steps"], strict=True)] == (
        end["steps"]
    )  # fmt: skip
    unknown = lab.mal("executions", "show", "no-such-id", "--json")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    for_people = lab.mal("executions", "show", ids[0])
    assert for_people.returncode == 0
    assert "\x1b" not in for_people.stdout


def test_doctor_masks_secrets(lab: Lab) -> None:
    done = lab.mal("doctor")
    assert done.returncode == 0, done.stderr
    assert "MAL_TIME_SCALE" in done.stdout
    password = lab.postgres.split("@")[0].rsplit(":", 1)[1]
    assert password not in done.stdout + done.stderr


def _run_here(*arguments: str) -> Result:
    """Run a command that asks no service in this process: that is quicker."""
    return CliRunner().invoke(app, list(arguments), prog_name="mal")


def _until_in_postgres(lab: Lab, ids: list[str]) -> None:
    until(lambda: all(lab.mal("executions", "show", one).returncode == 0 for one in ids), 10, "rows of executions")
