"""Stories for the comparison: flows, and what happens to them. A theme says which of it is likely."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.reference import parts
from tests.reference.drawing import Flow, drawn_flows
from tests.reference.parts import EVENTS, EXITS, GOALS, METADATA, OPENED, TRIGGERS, ZONES, numbers_of

Story = dict[str, Any]
Verb = tuple[str, Any]
LIMITS: list[dict[str, int]] = [
    {}, {}, {"maxActionsPerExecution": 3}, {"maxExternalWrites": 2}, {"maxContactActions": 4},
    {"maxActionsPerExecution": 6, "maxExternalWrites": 4, "maxContactActions": 5},
]  # fmt: skip

# ---- settings

ENTRY = st.fixed_dictionaries(
    {"rule": st.sampled_from(["every_event", "once", "after_exit", "cooldown", "once_per"])},
    optional={
        "cooldownSeconds": st.sampled_from([0, 31, 60, 4_000]), "maxRunning": st.sampled_from([1, 2]),
        "field": st.sampled_from(["event.campaignId", "event.n", "contact.name"]),
    },
)  # fmt: skip
HOLDOUT = st.fixed_dictionaries({"percent": st.sampled_from([30, 50, 99.5])}, optional={"salt": st.just("s")})
GOAL, EXIT_WHEN = st.sampled_from(GOALS), st.lists(st.sampled_from(EXITS), min_size=1, max_size=2)
CAPS = st.fixed_dictionaries(
    {"max": st.integers(1, 3), "scope": st.sampled_from(["flow", "all"])},
    optional={"windowSeconds": st.sampled_from([60, 86_400, 604_800])},
) | st.fixed_dictionaries({"max": st.integers(1, 2), "calendar": st.sampled_from(["day", "week", "month"])})
CLOCK = st.sampled_from(["00:00", "02:30", "08:00", "12:15", "17:00", "21:00"])
HOURS = st.lists(CLOCK, min_size=2, max_size=2, unique=True).map(lambda ends: {"from": ends[0], "to": ends[1]})
WINDOW = st.tuples(HOURS, st.sampled_from([{}, {}, {"weekdays": ["mon"]}, {"weekdays": ["tue", "sat", "sun"]}])).map(
    lambda drawn: drawn[0] | drawn[1]
)
MANNERS = st.fixed_dictionaries(
    {"onHeld": st.sampled_from(["defer", "defer", "defer", "skip", "exit"])},
    optional={
        "caps": st.lists(CAPS, max_size=2), "quietHours": HOURS, "sendWindow": WINDOW,
        "timezone": st.sampled_from(ZONES),
        "expireAfterSeconds": st.sampled_from([0, 3_600, 86_400, 20 * 86_400]),
    },
)  # fmt: skip
ON_RESUME = st.sampled_from([{"mode": "skip"}, {"maxAgeSeconds": 60}, {"mode": "process"}])
OF_ENTRIES = st.fixed_dictionaries(
    {}, optional={"entry": ENTRY, "exitWhen": EXIT_WHEN, "goal": GOAL, "holdout": HOLDOUT}
)
OF_MANNERS = st.fixed_dictionaries({"messages": MANNERS}, optional={"goal": GOAL})
OF_CHANGES = st.fixed_dictionaries(
    {}, optional={"onResume": ON_RESUME, "exitWhen": EXIT_WHEN, "goal": GOAL, "entry": ENTRY}
)
NONE: st.SearchStrategy[dict[str, Any]] = st.just({})

# ---- what happens

SENT = st.tuples(st.just("send"), st.integers(0, len(EVENTS) * len(METADATA) - 1))
STARTED = st.tuples(st.just("send"), st.sampled_from(numbers_of("email_open")))
HEARD = st.tuples(st.sampled_from(["send", "tie"]), st.sampled_from(
    [*numbers_of("email_open"), *numbers_of("email_reply"), *numbers_of("email_click")]
))  # fmt: skip
PEOPLE = st.tuples(st.just("send"), st.sampled_from(numbers_of("context_updated")))
NUMBER = st.integers(0, 59)
ANSWERED = st.tuples(st.just("answer"), NUMBER)
AGAIN = st.tuples(st.sampled_from(["repeat", "trigger"]), NUMBER)
PUBLISHED = st.tuples(st.sampled_from(["publish", "archive"]), NUMBER)
CHANGED = st.tuples(
    st.sampled_from(["pause", "resume", "pause", "resume", "publish", "publish", "archive", "drain"]), NUMBER
)
ASKED = st.tuples(st.just("control"), NUMBER)


def time(*seconds: float) -> st.SearchStrategy[Verb]:
    return st.tuples(st.just("advance"), st.sampled_from(seconds))


SOON = time(0.5, 10, 29, 31, 60, 100)
LATER = time(0.5, 29, 31, 60, 4_000, 86_400, 700_000)
DAYS = time(60, 3_600, 30_000, 86_400, 200_000)
LONG = time(29, 31, 60, 4_000, 2_700_000)


def stories(
    inputs: st.SearchStrategy[Verb],
    nodes: list[parts.Part],
    *,
    triggers: list[parts.Part] = OPENED,
    settings: st.SearchStrategy[dict[str, Any]] = NONE,
    awaits: list[int] | None = None,
    house: st.SearchStrategy[dict[str, Any]] = NONE,
) -> st.SearchStrategy[Story]:
    """Stories of a theme.

    Args:
        inputs: what happens.
        nodes: what the flows are made of.
        triggers: what starts them.
        settings: of the flows.
        awaits: which nodes await answers, as bits.
        house: what the user asks of all flows.
    """
    first = drawn_flows("f1", nodes, triggers, settings, awaits)
    other = drawn_flows("f2", nodes, triggers, settings, awaits)
    flows: st.SearchStrategy[tuple[list[Flow], ...]] = st.tuples(first, other) | st.tuples(first)
    told = st.tuples(STARTED, st.lists(inputs, min_size=2, max_size=12))
    return st.fixed_dictionaries({
        "flows": flows,
        "limits": st.sampled_from(LIMITS),
        "house": house,
        "scale": st.sampled_from([1.0, 1.0, 1.0, 10.0]),
        "late": st.sampled_from([0, 0, 0, 30_000, 90_000]),
        "inputs": told.map(lambda drawn: [drawn[0], *drawn[1]]),
        "cuts": st.integers(0, 2**13 - 1),
        "crash": st.integers(0, 15),
    })  # fmt: skip


AWAITS = [0, 255, 170, 84, 36, 62]
THEMES: dict[str, st.SearchStrategy[Story]] = {
    "waves": stories(SENT | SENT | STARTED | STARTED | LATER | AGAIN | PUBLISHED, parts.OF_WAVES, triggers=TRIGGERS),
    "answers": stories(
        STARTED | HEARD | HEARD | SOON | SOON | LATER | ANSWERED | ANSWERED | ANSWERED, parts.OF_ANSWERS, awaits=AWAITS
    ),
    "entries": stories(
        STARTED | STARTED | HEARD | HEARD | SENT | SOON | LATER | AGAIN | PUBLISHED, parts.OF_ENTRIES,
        settings=OF_ENTRIES, house=st.sampled_from([{}, {}, {}, {"holdout": {"percent": 40}}]),
    ),
    "manners": stories(
        STARTED | STARTED | HEARD | DAYS | DAYS | PEOPLE | AGAIN, parts.OF_MANNERS, settings=OF_MANNERS | NONE,
        house=st.fixed_dictionaries({}, optional={"messages": MANNERS}),
    ),
    "changes": stories(
        STARTED | HEARD | SOON | SOON | LONG | CHANGED | CHANGED | ASKED | ASKED | ANSWERED, parts.OF_CHANGES,
        settings=OF_CHANGES, awaits=AWAITS,
    ),
    "all": stories(
        SENT | STARTED | STARTED | HEARD | HEARD | SOON | LATER | DAYS | PEOPLE | ANSWERED | AGAIN | CHANGED | ASKED,
        [*parts.OF_WAVES, *parts.OF_ANSWERS, *parts.OF_MANNERS], triggers=TRIGGERS, awaits=AWAITS,
        settings=OF_ENTRIES | OF_MANNERS | OF_CHANGES,
        house=st.fixed_dictionaries({}, optional={"messages": MANNERS}),
    ),
}  # fmt: skip
