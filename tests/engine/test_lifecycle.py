"""What a publish, an archive or a drain does to what runs (product.md section 1): each kind of edit, wherever it meets
an execution.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from engine.flow import FlowVersion, Policy
from engine.lifecycle import moments
from engine.shard_tables import EXECUTIONS
from engine.wire import parse_rfc3339
from tests.support.driver import START_MS, FlowDriver
from tests.support.flows import event, opened, version

OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
NOTE = ("log_event", {"message": "here"})
TAG = ("tag_contact", {"tag": "warm"})
HOT = ("tag_contact", {"tag": "hot"})
WAIT = ("delay", {"delaySeconds": 60})
LONG = ("delay", {"delaySeconds": 600})
FIRST: dict[str, Any] = {"t": OPEN, "before": WAIT, "mid": WAIT, "after": WAIT, "tag": TAG}
WAYS = "t>before before>mid mid>after after>tag"


class End(NamedTuple):
    """How an execution ends: why, what ran after the trigger, after how many seconds, and with which tag."""

    reason: str
    ran: str
    seconds: int
    tag: str | None


def done(ran: str, seconds: int = 180, tag: str | None = "warm") -> End:
    return End("completed", ran, seconds, tag)


def removed(ran: str, seconds: int) -> End:
    """It moves at its next input, which is the end of the wait it stands at."""
    return End("node_removed", ran, seconds, None)


WHOLE = done("before mid after tag")
SHORT = done("before mid", 120, None)


class Edit(NamedTuple):
    """The second version, and how an execution ends that stood before the edited node, at it, and behind it."""

    nodes: Mapping[str, Any]
    ways: str
    before: End
    at: End
    past: End


def without(*names: str) -> dict[str, Any]:
    return {name: node for name, node in FIRST.items() if name not in names}


EDITS: Mapping[str, Edit] = {
    "nothing": Edit(FIRST, WAYS, WHOLE, WHOLE, WHOLE),
    "the config of the node": Edit({**FIRST, "mid": LONG}, WAYS, done("before mid after tag", 720), WHOLE, WHOLE),
    "the config of what follows": Edit({**FIRST, "tag": HOT}, WAYS, *[done("before mid after tag", tag="hot")] * 3),
    "the config of the trigger": Edit({**FIRST, "t": ("email_open", {"campaignId": "other"})}, WAYS, *[WHOLE] * 3),
    "another trigger": Edit({**FIRST, "t": ("email_click", {})}, WAYS, *[WHOLE] * 3),
    "the node removed": Edit(
        without("mid"), "t>before before>after after>tag",
        done("before after tag", 120), removed("before", 120), WHOLE,
    ),
    "the node replaced by another type": Edit(
        {**FIRST, "mid": NOTE}, WAYS, done("before mid after tag", 120), removed("before", 120), WHOLE,
    ),
    "the node replaced by another of its type": Edit(
        {**without("mid"), "other": WAIT}, "t>before before>other other>after after>tag",
        done("before other after tag"), removed("before", 120), WHOLE,
    ),
    "all behind it removed": Edit(
        without("after", "tag"), "t>before before>mid", SHORT, SHORT, removed("before mid", 180),
    ),
    "the edge to it removed": Edit(
        FIRST, "t>before mid>after after>tag", done("before", 60, None), WHOLE, WHOLE,
    ),
    "the edge from it removed": Edit(FIRST, "t>before before>mid after>tag", SHORT, SHORT, WHOLE),
    "the edge from it labelled": Edit(FIRST, "t>before before>mid mid>after:error after>tag", SHORT, SHORT, WHOLE),
    "an edge added": Edit(
        {**FIRST, "more": NOTE}, f"{WAYS} mid>more",
        done("before mid more after tag"), done("before mid more after tag"), WHOLE,
    ),
    "a node inserted before it": Edit(
        {**FIRST, "more": NOTE}, "t>before before>more more>mid mid>after after>tag",
        done("before more mid after tag"), WHOLE, WHOLE,
    ),
    "a node inserted behind it": Edit(
        {**FIRST, "more": NOTE}, "t>before before>mid mid>more more>after after>tag",
        done("before mid more after tag"), done("before mid more after tag"), WHOLE,
    ),
    "its join": Edit({**FIRST, "mid": (*WAIT, {"join": "all"})}, WAYS, WHOLE, WHOLE, WHOLE),
    "the order reversed": Edit(
        FIRST, "t>after after>mid mid>before before>tag",
        done("before tag", 60), SHORT, done("before mid after", 180, None),
    ),
}  # fmt: skip
STANDS = {"before": 0, "at": 60, "past": 120}


def started(nodes: Mapping[str, Any] = FIRST, ways: str = WAYS) -> FlowDriver:
    driver = FlowDriver(version(nodes, ways))
    driver.send(opened())
    return driver


def second(nodes: Mapping[str, Any] = FIRST, ways: str = WAYS, number: int = 2) -> FlowVersion:
    return version(nodes, ways, number=number)


def newest(driver: FlowDriver) -> dict[str, Any]:
    return driver.executions[-1]


def end_of(driver: FlowDriver) -> End:
    driver.advance(10_000)
    record = newest(driver)
    ran = [step["nodeId"] for step in record["path"] if step["status"] == "succeeded"]
    finished = {step["nodeId"]: step["finishedAt"] for step in driver.steps()}
    seconds = (parse_rfc3339(max(finished.values())) - START_MS) // 1000
    tags = [command["payload"]["tag"] for command in driver.commands]
    return End(record["endReason"], " ".join(ran[1:]), seconds, tags[0] if tags else None)


@pytest.mark.parametrize("stands", STANDS)
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_meets_an_execution_that_moves_with_it(edit: str, stands: str) -> None:
    driver = started()
    driver.advance(STANDS[stands])
    driver.publish(second(EDITS[edit].nodes, EDITS[edit].ways), policy="migrate")
    expected: End = getattr(EDITS[edit], stands)
    assert end_of(driver) == expected
    assert newest(driver)["flowVersion"] == 2
    assert newest(driver)["progress"]["completedSteps"] <= newest(driver)["progress"]["totalSteps"]


@pytest.mark.parametrize("stands", STANDS)
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("policy", ["pin", "exit"])
def test_an_edit_meets_an_execution_that_is_pinned_or_ended(policy: Policy, edit: str, stands: str) -> None:
    driver = started()
    driver.advance(STANDS[stands])
    driver.publish(second(EDITS[edit].nodes, EDITS[edit].ways), policy=policy)
    if policy == "pin":
        assert end_of(driver) == WHOLE
    else:
        assert (newest(driver)["endReason"], newest(driver)["flowVersion"]) == ("version_exit", 1)
        assert end_of(driver).seconds == STANDS[stands]
        assert driver.commands == []


# ---- migrate


def test_it_moves_to_the_highest_version_that_was_published_so() -> None:
    driver = started()
    driver.publish(second({**FIRST, "tag": HOT}), policy="migrate")
    driver.publish(second({**FIRST, "tag": ("tag_contact", {"tag": "third"})}, number=3), policy="migrate")
    driver.publish(second({**FIRST, "tag": ("tag_contact", {"tag": "fourth"})}, number=4))
    assert end_of(driver).tag == "third"
    assert newest(driver)["flowVersion"] == 3


def test_it_moves_again_with_a_later_version() -> None:
    driver = started()
    driver.publish(second({**FIRST, "more": NOTE}, f"{WAYS} before>more"), policy="migrate")
    driver.advance(60)
    driver.publish(second({**FIRST, "tag": HOT}, number=3), policy="migrate")
    assert end_of(driver) == done("before more mid after tag", tag="hot")
    assert [record["flowVersion"] for record in driver.feed] == [1, 2, 3, 3]


def test_a_version_does_not_touch_what_started_on_a_later_one() -> None:
    driver = started()
    driver.publish(second({**FIRST, "tag": HOT}), policy="migrate")
    driver.publish(second(number=3), policy="exit")
    assert newest(driver)["endReason"] == "version_exit"
    driver.send(opened("c2"))
    driver.advance(10_000)
    assert (newest(driver)["flowVersion"], newest(driver)["endReason"]) == (3, "completed")


def test_a_message_that_is_delayed_keeps_its_config_when_it_moves() -> None:
    def mail(subject: str) -> tuple[str, dict[str, Any]]:
        told = {"subject": subject, "body": "{{ event.campaignId }}", "fromEmail": "a@example.com", "name": "n"}
        return ("send_email_campaign", {**told, "delay": 60})

    driver = started({"t": OPEN, "send": mail("old")}, "t>send")
    driver.publish(second({"t": OPEN, "send": mail("new")}, "t>send"), policy="migrate")
    driver.advance(60)
    [command] = driver.commands
    assert (command["payload"]["subject"], command["payload"]["body"]) == ("old", "k1")
    driver.send(opened("c2"))
    driver.advance(60)
    assert driver.commands[1]["payload"]["subject"] == "new"


def test_the_previous_node_is_known_over_a_move_and_absent_where_its_edge_is_gone() -> None:
    tag = ("tag_contact", {"tag": "{{ previousNode.output.result }}!"})
    ask = ("if_field_match", {"field": "event.contactId", "operator": "exists"})
    nodes = {"t": OPEN, "ask": ask, "wait": WAIT, "tag": tag}
    for ways, text in (("t>tag t>ask ask>wait wait>tag", "!"), ("t>wait t>ask ask>tag", "true!")):
        driver = started({**nodes, "tag": (*tag, {"join": "all"})}, "t>wait t>ask ask>tag wait>tag")
        driver.publish(second(nodes, ways), policy="migrate")
        driver.advance(60)
        assert [command["payload"]["tag"] for command in driver.commands] == [text]


def test_branches_held_at_a_join_go_on_where_it_joins_no_more() -> None:
    nodes = {"t": OPEN, "a": WAIT, "b": LONG, "tag": (*TAG, {"join": "all"})}
    driver = started(nodes, "t>a t>b a>tag b>tag")
    driver.advance(60)
    driver.publish(second({**nodes, "tag": TAG}, "t>a t>b a>tag b>tag"), policy="migrate")
    driver.advance(539)
    assert driver.commands == []
    driver.advance(1)
    assert len(driver.commands) == 1


def test_a_branch_that_a_pause_holds_before_a_removed_node_ends_there() -> None:
    driver = started()
    driver.control("pause")
    driver.advance(60)
    driver.publish(second(without("mid"), "t>before before>after after>tag"), policy="migrate")
    driver.control("resume")
    assert newest(driver)["endReason"] == "node_removed"
    [skipped] = [step for step in newest(driver)["steps"] if step["nodeId"] == "mid"]
    assert (skipped["status"], skipped["reason"]) == ("skipped", "node_removed")


def test_an_event_nobody_waits_for_moves_nothing() -> None:
    driver = started()
    driver.publish(second({**FIRST, "tag": HOT}), policy="migrate")
    driver.send(event("email_reply", contactId="c1", campaignId="k1"))
    assert [record["flowVersion"] for record in driver.feed] == [1]


def test_a_retry_runs_the_version_that_mends_it() -> None:
    broken = ("create_release_task", {"title": "call"})
    mended = ("create_release_task", {"title": "call", "releaseIdField": "event.campaignId"})
    driver = started({"t": OPEN, "task": broken}, "t>task")
    driver.publish(second({"t": OPEN, "task": mended}, "t>task"), policy="migrate")
    driver.control("retry")
    assert (newest(driver)["status"], newest(driver)["flowVersion"]) == ("succeeded", 2)


def test_a_retry_of_a_node_that_is_gone_ends_there() -> None:
    driver = started({"t": OPEN, "task": ("create_release_task", {"title": "call"})}, "t>task")
    driver.publish(second({"t": OPEN, "note": NOTE}, "t>note"), policy="migrate")
    driver.control("retry")
    assert (newest(driver)["status"], newest(driver)["endReason"]) == ("failed", "node_removed")
    assert driver.tables.rows[EXECUTIONS] == {}


def test_a_version_that_is_gone_is_not_moved_to() -> None:
    driver = started()
    driver.publish(second({**FIRST, "tag": HOT}), policy="migrate")
    driver.flow_table.drop_version(second().flow_id, 2)
    assert end_of(driver) == WHOLE


def test_what_cannot_be_reached_in_a_version_is_no_part_of_it_for_what_starts_there() -> None:
    lonely = {**FIRST, "lonely": WAIT, "other": NOTE}
    driver = started(lonely, f"{WAYS} lonely>other other>lonely lonely>tag")
    assert end_of(driver) == WHOLE
    assert newest(driver)["progress"] == {"completedSteps": 5, "totalSteps": 5, "currentStatus": "succeeded"}


# ---- exit, archive, drain


def test_exit_ends_what_waits_on_older_versions_at_once_and_a_restart_changes_nothing() -> None:
    driver = started()
    driver.publish(second({**FIRST, "tag": HOT}), policy="exit")
    [record] = [record for record in driver.feed if record["endReason"]]
    assert (record["endReason"], record["status"], record["waiting"]) == ("version_exit", "succeeded", [])
    [skipped] = [step for step in record["steps"] if step["nodeId"] == "before"]
    assert (skipped["status"], skipped["reason"]) == ("skipped", "version_exit")
    driver.advance(10_000)
    assert len(driver.feed) == 2


def test_a_shard_that_lags_meets_the_change_when_its_clock_gets_there() -> None:
    for policy, ends in (("exit", "version_exit"), ("migrate", "completed")):
        driver = FlowDriver(version(FIRST, WAYS))
        driver.publish(second({**FIRST, "tag": HOT}), START_MS + 90_000, policy)  # type: ignore[arg-type]
        driver.send(opened())
        assert newest(driver)["flowVersion"] == 1
        driver.advance(60)
        assert newest(driver)["endReason"] is None
        driver.advance(30)
        assert newest(driver)["endReason"] == ("version_exit" if policy == "exit" else None)
        driver.advance(10_000)
        assert newest(driver)["endReason"] == ends


def test_what_a_worker_started_before_it_heard_of_the_archive_ends_as_well() -> None:
    driver = started()
    driver.set_status("flow-1", "archived", at_ms=START_MS - 1)
    assert newest(driver)["endReason"] == "archived"


def test_what_started_after_a_flow_was_published_again_is_not_archived() -> None:
    driver = started()
    driver.archive("flow-1")
    driver.advance(1)
    driver.publish(second())
    driver.send(opened("c2"))
    assert end_of(driver).reason == "completed"


def test_a_drained_flow_takes_nothing_new_and_lets_what_runs_end() -> None:
    driver = started()
    driver.set_status("flow-1", "archived", drain=True)
    driver.send(opened("c2"))
    assert len(driver.executions) == 1
    assert end_of(driver) == WHOLE


def test_what_drains_can_be_archived_after_all() -> None:
    driver = started()
    driver.set_status("flow-1", "archived", drain=True)
    driver.advance(60)
    driver.archive("flow-1")
    assert newest(driver)["endReason"] == "archived"


def test_a_failed_execution_of_an_older_version_that_was_exited_is_not_retried() -> None:
    driver = started({"t": OPEN, "task": ("create_release_task", {"title": "call"})}, "t>task")
    driver.publish(second(), policy="exit")
    driver.control("retry")
    assert [one["reason"] for one in driver.decisions] == ["version_exit"]
    assert newest(driver)["endReason"] == "completed"


def test_a_restart_knows_what_has_become_of_the_flow() -> None:
    driver = started()
    driver.advance(30)
    again = FlowDriver(version(FIRST, WAYS))
    again.now_ms = driver.now_ms
    again.publish(second(), at_ms=driver.now_ms - 10_000, policy="exit")
    again.take_over(driver)
    again.advance(0)
    assert newest(again)["endReason"] == "version_exit"


def test_most_publishes_touch_nothing_at_once() -> None:
    driver = started()
    driver.publish(second(), policy="migrate")

    def touched() -> tuple[int, ...]:
        return moments(driver.flow_table.snapshot().flows[second().flow_id].head)

    assert touched() == ()
    driver.set_status("flow-1", "paused")
    driver.set_status("flow-1", "archived", drain=True)
    driver.advance(1)
    assert touched() == (START_MS,), "the end of the pause"
    driver.publish(second(number=3), policy="exit")
    assert touched() == (START_MS + 1000, START_MS)
    driver.archive("flow-1")
    assert touched() == (START_MS + 1000, START_MS + 1000, START_MS)
