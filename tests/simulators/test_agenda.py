from __future__ import annotations

from simulators.agenda import Agenda
from simulators.values import Publication


def test_what_is_due_comes_in_the_order_of_its_time_and_then_of_its_coming() -> None:
    agenda = Agenda()
    agenda.add(Publication(due, {"id": name}) for due, name in ((30, "c"), (10, "a"), (20, "b1"), (20, "b2")))
    assert agenda.take_due(9) == []
    assert [publication.event["id"] for publication in agenda.take_due(20)] == ["a", "b1", "b2"]
    assert len(agenda) == 1
    assert [publication.event["id"] for publication in agenda.take_due(1000)] == ["c"]
    assert len(agenda) == 0
