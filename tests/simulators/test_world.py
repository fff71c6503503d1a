from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest

from engine.events import read_event
from engine.systems import BY_EVENT_TYPE, SYSTEMS
from simulators.values import Moment, Publication
from simulators.world.population import DEFAULT_OWNERS, Population
from simulators.world.world import World
from tests.simulators.commands import NOW


def told(seed: int = 1, run: str = "r1", events: int = 4_000, scale: float = 1.0) -> list[Publication]:
    world = World(seed, Population(), run)
    return list(chain.from_iterable(world.stories(lambda: Moment(NOW.now_ms, scale), events)))


def test_there_are_exactly_as_many_events_as_asked_for() -> None:
    assert len(told(events=1)) == 1
    assert len(told(events=777)) == 777


def test_the_same_seed_and_run_tell_the_same_stories() -> None:
    assert told() == told()
    assert told(seed=2) != told()


def test_another_run_of_a_seed_tells_the_same_of_events_of_its_own() -> None:
    first, second = told(run="r1", events=500), told(run="r2", events=500)
    assert [(event.event["type"], event.due_ms) for event in first] == [
        (event.event["type"], event.due_ms) for event in second
    ]
    assert {event.event["id"] for event in first}.isdisjoint(event.event["id"] for event in second)


def test_all_six_systems_take_part() -> None:
    kinds = Counter(published.event["type"] for published in told())
    assert {BY_EVENT_TYPE[kind].name for kind in kinds} == {system.name for system in SYSTEMS}
    every = {kind for system in SYSTEMS for kind in system.event_types}
    # The tracker counts these.
    assert every - kinds.keys() == {"campaign_metrics_updated"}


def test_sources_and_topics_are_those_of_the_contract() -> None:
    for published in told():
        event = published.event
        assert event["source"] in BY_EVENT_TYPE[event["type"]].sources
        assert "causedBy" not in event["metadata"]
        assert "depth" not in event["metadata"]


def test_the_engine_reads_every_event_and_finds_subject_and_scope() -> None:
    for published in told():
        event = read_event(dict(published.event), default_id="", default_timestamp_ms=0)
        assert event.subject is not None
        assert event.scope is not None


def test_owners_have_equal_parts_and_an_entity_keeps_its_owner() -> None:
    owners: dict[str, set[str]] = {}
    share: Counter[str] = Counter()
    for published in told(events=6_000):
        user = published.event["metadata"]["userId"]
        share[user] += 1
        for field in ("contactId", "campaignId", "releaseId"):
            if field in published.event["payload"]:
                owners.setdefault(published.event["payload"][field], set()).add(user)
    assert all(len(users) == 1 for users in owners.values())
    assert min(share.values()) > 1_500
    assert set(share) == {owner.user_id for owner in DEFAULT_OWNERS}


def test_some_events_are_delivered_twice_and_some_lack_an_id_that_a_flow_may_need() -> None:
    events = [published.event for published in told(events=8_000)]
    ids = Counter(event["id"] for event in events)
    repeats = [count for count in ids.values() if count > 1]
    assert 10 < len(repeats) < 100
    for kind, field in (
        ("email_reply", "campaignId"),
        ("asset_uploaded", "releaseId"),
        ("release_approaching", "releaseId"),
        ("campaign_status_changed", "contactId"),
    ):
        has = {field in event["payload"] for event in events if event["type"] == kind}
        assert has == {True, False}, kind


def test_a_release_comes_nearer_day_by_day() -> None:
    days: dict[str, list[tuple[int, int]]] = {}
    for published in told(events=8_000):
        if published.event["type"] == "release_approaching" and "releaseId" in published.event["payload"]:
            payload = published.event["payload"]
            key = f"{payload['releaseId']} {payload['releaseDate']} {payload['releaseType']}"
            days.setdefault(key, []).append((published.due_ms, payload["daysUntilRelease"]))
    assert days
    for steps in days.values():
        for due_ms, left in steps:
            assert (due_ms - NOW.now_ms) % 86_400_000 == 0
            assert left in {30, 14, 7, 3, 1, 0}


def test_time_scale_shortens_what_comes_later() -> None:
    slow, fast = told(events=500), told(events=500, scale=604_800.0)
    assert max(event.due_ms for event in slow) - NOW.now_ms > 604_800_000
    assert max(event.due_ms for event in fast) - NOW.now_ms < 10_000


@pytest.mark.parametrize("contacts", [3, 10, 1_500])
def test_small_populations_work_too(contacts: int) -> None:
    world = World(1, Population(contacts=contacts), "r")
    assert list(world.stories(lambda: NOW, 200))


def test_a_population_without_people_is_refused() -> None:
    with pytest.raises(ValueError, match="3 owners need at least as many contacts, there are 2"):
        Population(contacts=2)
    with pytest.raises(ValueError, match="at least one owner"):
        Population(owners=())
