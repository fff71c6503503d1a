"""The same event changes nothing twice within seven days, however busy its subject is."""

from typing import Any

from engine.seen import KEPT_MS, PAGE, Page, Seen, mark_of, page_of
from engine.shard_tables import SUBJECTS
from tests.support.driver import FlowDriver
from tests.support.flows import opened, version

DAY_MS = 86_400_000


class Rows:
    def __init__(self) -> None:
        self.row: dict[str, Any] = {}
        self.pages: dict[int, Page] = {}
        self.read: list[int] = []

    def add(self, event_id: str, now_ms: int) -> bool:
        self.read = []
        return Seen(self.row, self._page, self._write).add(mark_of("tracker", event_id), now_ms)

    def _page(self, number: int) -> Page | None:
        self.read.append(number)
        return self.pages.get(number)

    def _write(self, number: int, page: Page | None) -> None:
        if page is None:
            del self.pages[number]
        else:
            self.pages[number] = page


def test_a_repeat_is_known_for_seven_days_and_then_forgotten() -> None:
    rows = Rows()
    assert rows.add("a", 0)
    assert not rows.add("a", KEPT_MS - 1)
    assert rows.add("a", KEPT_MS)


def test_the_same_id_of_another_source_is_another_event() -> None:
    assert mark_of("email_engine", "1") != mark_of("tracker", "1")


def test_a_busy_subject_keeps_every_mark_of_seven_days_and_a_small_row() -> None:
    rows = Rows()
    for number in range(2_000):
        assert rows.add(str(number), number)
        assert len(rows.row["seen"]) <= PAGE
    for number in range(2_000):
        assert not rows.add(str(number), 3_000)


def test_one_page_is_read_however_busy_the_subject_is() -> None:
    rows = Rows()
    for number in range(20_000):
        rows.add(str(number), number)
    for number in range(0, 20_000, 997):
        assert not rows.add(str(number), 20_000)
        assert len(rows.read) <= 1


def test_marks_that_are_over_are_dropped_and_pages_of_nothing_else_deleted() -> None:
    rows = Rows()
    for day in range(60):
        for number in range(PAGE):
            rows.add(f"{day}-{number}", day * DAY_MS)
    assert sum(map(len, rows.pages.values())) <= 8 * PAGE
    assert not rows.add("59-0", 60 * DAY_MS)
    assert rows.add("40-0", 60 * DAY_MS)
    alike = [str(number) for number in range(5_000) if mark_of("tracker", str(number)).startswith("0")][: PAGE + 1]
    for event_id in alike:
        rows.add(event_id, 90 * DAY_MS)
    assert rows.row["pages"] == list(rows.pages) == [0]


def test_a_row_in_which_most_marks_are_over_needs_no_page() -> None:
    rows = Rows()
    for number in range(PAGE):
        rows.add(str(number), 0 if number < PAGE - 10 else DAY_MS)
    assert rows.add("new", KEPT_MS)
    assert rows.pages == {}
    assert len(rows.row["seen"]) == 11


def test_a_shard_forgets_the_pages_that_hold_nothing_any_more() -> None:
    driver = FlowDriver(version({"t": ("email_click", {}), "n": ("log_event", {"message": "x"})}, "t>n"))

    def pages() -> set[str]:
        return {key.rsplit("\x1f", 1)[1] for key in driver.tables.rows[SUBJECTS] if key.startswith(f"{subject}\x1f")}

    driver.send({**opened(), "id": "0"})
    [subject] = driver.tables.rows[SUBJECTS]
    for number in range(1, PAGE + 1):
        driver.send({**opened(), "id": str(number)})
    assert pages() == {str(number) for number in range(16)}
    driver.advance(90 * 86_400)
    alike = [one for one in map(str, range(5_000, 15_000)) if page_of(mark_of("email_engine", one)) == 0]
    for event_id in alike[: PAGE + 1]:
        driver.send({**opened(), "id": event_id})
    assert pages() == {"0"}
    assert [record["reason"] for record in driver.feed if "reason" in record] == []
    driver.send({**opened(), "id": alike[0]})
    assert [record["reason"] for record in driver.feed if "reason" in record] == ["duplicate_event"]
