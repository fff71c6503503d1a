"""The rows beside an execution: however long and hostile their history, none outgrows its topic."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from engine import countdowns, entered, facts, goals, members
from engine.entered import new_entry
from engine.events import read_event
from engine.types import Subject
from engine.wire import rfc3339
from tests.support.driver import START_MS, FlowDriver, plain
from tests.support.flows import event, opened, version

MIB = 1024 * 1024
DAY_MS = 86_400_000
WAIT = ("delay", {"delaySeconds": 86_400})
OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
GOAL = {"goal": {"event": {"type": "email_reply", "match": {"body": "{{ event.body }}"}}}}


def of_entries(driver: FlowDriver, key: str) -> dict[str, Any]:
    [row] = [row for name, row in driver.tables.rows["entries"].items() if name.endswith(key)]
    entries: dict[str, Any] = plain(row)
    return entries


def told(dates: Any, release: str, date_ms: int, now_ms: int) -> Any:
    moved = countdowns.moved(dates, Subject("release", release), {"profile": {"releaseDate": rfc3339(date_ms)}}, now_ms)
    return dates if moved is None else moved


class TestDates:
    def test_a_release_whose_date_is_long_past_leaves(self) -> None:
        dates = told({}, "old", START_MS, START_MS)
        later_ms = START_MS + countdowns.KEPT_MS
        assert set(told(dates, "new", later_ms, later_ms - 1)) == {"old", "new"}
        assert set(told(dates, "new", later_ms, later_ms)) == {"new"}

    def test_a_year_of_releases_each_day_is_no_more_than_two_years_of_them(self) -> None:
        dates: Any = {}
        for day in range(4 * 366):
            dates = told(dates, f"r{day}", START_MS + day * DAY_MS, START_MS + day * DAY_MS)
        assert len(dates) == 366

    def test_beyond_so_many_those_go_first_whose_date_is_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(countdowns, "MAX_RELEASES", 3)
        dates: Any = {}
        for name, days in (("far", 90), ("over", -1), ("near", 9), ("last", 30)):
            dates = told(dates, name, START_MS + days * DAY_MS, START_MS)
        assert set(dates) == {"far", "near", "last"}
        assert set(told(dates, "one more", START_MS + DAY_MS, START_MS)) == {"near", "last", "one more"}

    def test_the_largest_row_fits(self) -> None:
        full = {f"{number:0256}": [START_MS, START_MS] for number in range(countdowns.MAX_RELEASES)}
        assert len(orjson.dumps(full)) < 4 * MIB
        assert told(full, "x" * 257, START_MS + DAY_MS, START_MS) is full


class TestCountdowns:
    def test_a_contact_of_a_thousand_releases_has_a_small_row_and_each_is_counted_once(self) -> None:
        flow = version(
            {"t": ("release_approaching", {"daysUntilRelease": 7}), "n": ("log_event", {"message": "x"})}, "t>n"
        )
        driver = FlowDriver(flow)
        for twice in range(2):
            for number in range(200):
                driver.send(event(
                    "release_approaching", source=f"{'x' * 10_000}", contactId="c1", releaseId=f"r{number}",
                    daysUntilRelease=7, again=twice,
                ))  # fmt: skip
        assert len(driver.executions) == 200
        assert [one["reason"] for one in driver.decisions] == ["duplicate_event"] * 200
        assert len(orjson.dumps(of_entries(driver, "7:contactc1"))) < 8_192

    def test_what_a_row_of_before_counted_is_counted(self) -> None:
        entry = {**new_entry(), "countdowns": {"one": "release_planner"}}
        assert countdowns.is_repeat(entry, "one", lambda _name: None)
        assert not countdowns.is_repeat(entry, "two", lambda _name: None)


class TestRunning:
    def test_so_many_executions_of_a_subject_run_in_a_flow_and_no_more(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(entered, "MOST_RUNNING", 3)
        driver = FlowDriver(version({"t": OPEN, "w": WAIT}, "t>w"))
        for _ in range(5):
            driver.send(opened())
        driver.send(opened(contact="c2"))
        assert [one["reason"] for one in driver.decisions] == ["max_running"] * 2
        assert len(of_entries(driver, "7:contactc1")["flow-1"]["running"]) == 3
        driver.advance(86_400)
        driver.send(opened())
        assert len(driver.decisions) == 2

    def test_so_many_run_in_all_flows_together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(entered, "MOST_RUNNING", 2)
        monkeypatch.setattr(entered, "MOST_RUNNING_IN_ALL", 4)
        flows = [version({"t": OPEN, "w": WAIT}, "t>w", flow_id=f"flow-{number}") for number in range(5)]
        driver = FlowDriver(*flows)
        driver.send(opened())
        assert [one["reason"] for one in driver.decisions] == ["max_running"]
        driver.send(opened())
        assert len(driver.decisions) == 6

    def test_the_largest_row_fits(self) -> None:
        assert entered.MOST_RUNNING_IN_ALL * len('"00000000-0000-0000-0000-000000000000",') < 4 * MIB


def test_an_awaited_command_does_not_repeat_the_id_of_its_subject_or_the_whole_of_its_event_s() -> None:
    told = ("notify_user", {"message": "Hi"}, {"awaitResult": True})
    driver = FlowDriver(version({"t": OPEN, **{f"n{number}": told for number in range(40)}}, " ".join(
        f"t>n{number}" for number in range(40)
    )))  # fmt: skip
    contact, identity = "c" * 100_000, "e" * 100_000
    driver.send({**opened(contact=contact), "id": identity})
    row = of_entries(driver, f"\x1fawaited\x1f{contact}")
    assert len(row) == 40
    assert len(orjson.dumps(row)) < 64 * 1024
    driver.answer(0)
    driver.answer(0)
    [late] = driver.decisions
    assert (late["reason"], late["subject"]) == ("late_result", {"type": "contact", "id": contact})


def test_very_many_awaited_commands_of_a_subject_are_in_rows_that_fit_and_each_hears_its_answer() -> None:
    driver = FlowDriver(version({"t": OPEN, "n": ("notify_user", {"message": "Hi"}, {"awaitResult": True})}, "t>n"))
    count = 3_000
    for _ in range(count):
        driver.send(opened())
    rows = {key: row for key, row in driver.tables.rows["entries"].items() if key.startswith("\x1fawaited\x1fc1")}
    assert len(rows) == 257
    assert sum(map(len, map(plain, rows.values()))) == count
    assert max(map(len, rows.values())) < 64 * 1024
    for number in range(count):
        driver.answer(number)
    assert [one["status"] for one in driver.executions] == ["succeeded"] * count
    assert not driver.decisions
    # What is over is known for a while, the last ones; where it is in the row, and where it is in a page.
    for number in (count - 1, 127, 0):
        driver.answer(number)
    assert [one["reason"] for one in driver.decisions] == ["late_result"] * 2


class TestFacts:
    def facts_of(self, driver: FlowDriver, key: str = "7:contactc1") -> dict[str, Any]:
        [row] = [row for name, row in driver.tables.rows["subjects"].items() if name.endswith(key)]
        found: dict[str, Any] = plain(row)["facts"]
        return found

    @pytest.mark.parametrize(("kind", "told"), [
        ("contact_tagged", lambda long: {"tag": long}),
        ("contact_added", lambda long: {"tags": [long]}),
        ("email_open", lambda long: {"campaignId": long}),
        ("segment_updated", lambda long: {"segmentId": long, "action": "add"}),
    ])  # fmt: skip
    def test_what_there_is_no_room_for_is_not_kept_and_that_is_told(
        self, kind: str, told: Callable[[str], dict[str, Any]]
    ) -> None:
        driver = FlowDriver(version({"t": OPEN, "n": ("log_event", {"message": "x"})}, "t>n"))
        for number in range(40):
            driver.send(event(kind, contactId="c1", **told(f"{number}{'x' * 900_000}")))
        assert [one["reason"] for one in driver.decisions] == ["facts_full"] * 39
        assert all(one["decision"] == "suppressed" and one["flowId"] is None for one in driver.decisions)
        assert len(orjson.dumps(self.facts_of(driver))) < MIB
        # No more is kept of them; they match all the same, and what is small has room.
        assert len(driver.executions) == (40 if kind == "email_open" else 0)
        driver.send(event("contact_tagged", contactId="c1", tag="small"))
        assert self.facts_of(driver)["tags"][-1] == "small"

    def test_attributes_of_a_broadcast_row_too_and_what_leaves_makes_room(self) -> None:
        driver = FlowDriver(version({"t": OPEN, "w": WAIT}, "t>w"), all_facts=True)

        def told(name: str, value: str) -> None:
            attributes = {name: value}
            driver.send(event(
                "context_updated", "fusion", entityType="user", entityId="user_001", attributes=attributes
            ))  # fmt: skip

        told("one", "x" * 900_000)
        told("two", "y" * 900_000)
        assert [one["reason"] for one in driver.decisions] == ["facts_full"]
        told("one", "short")
        told("two", "y" * 900_000)
        assert len(driver.decisions) == 1
        [row] = driver.entities.values()
        assert (row["profile"]["one"], len(row["profile"]["two"])) == ("short", 900_000)

    def test_a_tag_that_was_removed_leaves_its_room(self) -> None:
        driver = FlowDriver(version({"t": OPEN, "w": WAIT}, "t>w"))
        for number in range(5):
            driver.send(event("contact_tagged", "list_builder", contactId="c1", tag=f"{number}{'x' * 900_000}"))
            driver.send(event("contact_untagged", "list_builder", contactId="c1", tag=f"{number}{'x' * 900_000}"))
        assert driver.decisions == []
        assert self.facts_of(driver)["bytes"] < 64

    def test_a_row_of_before_is_measured_once(self) -> None:
        row: dict[str, Any] = {"tags": ["x" * facts.MAX_BYTES]}
        tagged = read_event(
            {**event("contact_tagged", "list_builder", contactId="c1", tag="small")},
            default_id="e",
            default_timestamp_ms=1,
        )
        assert not facts.fold(row, tagged)
        assert row["tags"] == ["x" * facts.MAX_BYTES]


class TestMembers:
    def joins(self, contact: str) -> dict[str, Any]:
        return event("segment_updated", "list_builder", contactId=contact, segmentId="crew", action="add")

    def test_a_page_has_so_many_members_and_ids_of_such_a_length(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(members, "MAX_MEMBERS", 2)
        monkeypatch.setattr(members, "page_of", lambda _contact: 0)
        driver = FlowDriver(version({"t": OPEN, "w": WAIT}, "t>w"))
        for contact in ("a", "c" * 257, "b", "d"):
            driver.send(self.joins(contact))
        [page] = [plain(row) for key, row in driver.tables.rows["subjects"].items() if key.startswith("\x1fmembers")]
        assert page == {"ids": ["a", "b"]}
        assert [(one["reason"], one["subject"]["id"]) for one in driver.decisions] == [
            ("facts_full", "c" * 257), ("facts_full", "d"),
        ]  # fmt: skip

    def test_the_largest_page_fits(self) -> None:
        assert members.MAX_MEMBERS * members.MAX_ID_CHARS * len("é".encode()) < 16 * MIB


class TestGoals:
    def windows(self, driver: FlowDriver, flow: str = "flow-1") -> list[Any]:
        found: list[Any] = of_entries(driver, "7:contactc1")[flow]["goals"]
        return found

    def test_what_goals_wait_for_is_bounded_the_newest_stay(self) -> None:
        driver = FlowDriver(version({"t": OPEN, "w": WAIT}, "t>w", settings=GOAL))
        for number in range(8):
            driver.send(opened(payload={"body": f"{number}{'x' * 300_000}"}))
        assert [one["match"]["body"][0] for one in self.windows(driver)] == ["5", "6", "7"]
        driver.send(opened(payload={"body": "é" * 600_000}))
        assert len(self.windows(driver)) == 3
        assert len(driver.executions) == 9

    def test_the_more_flows_a_subject_is_in_the_fewer_windows_each_has(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(goals, "MAX_WINDOWS_IN_ALL", 6)
        flows = [version({"t": OPEN, "w": WAIT}, "t>w", flow_id=f"flow-{number}", settings=GOAL) for number in range(8)]
        driver = FlowDriver(*flows)
        for _ in range(4):
            driver.send(opened(payload={"body": "x"}))
        assert [len(self.windows(driver, f"flow-{number}")) for number in range(8)] == [1] * 8
