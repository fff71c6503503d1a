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
    {"max": st.sampled_from([1, 1, 2, 3]), "scope": st.sampled_from(["flow", "all"])},
    optional={"windowSeconds": st.sampled_from([60, 3_600, 86_400])},
) | st.fixed_dictionaries({"max": st.integers(1, 2), "calendar": st.sampled_from(["day", "week", "month"])})
CLOCK = st.sampled_from(["00:00", "02:30", "08:00", "12:15", "17:00", "21:00"])
HOURS = st.lists(CLOCK, min_size=2, max_size=2, unique=True).map(lambda ends: {"from": ends[0], "to": ends[1]})
WINDOW = st.tuples(HOURS, st.sampled_from([{}, {}, {"weekdays": ["mon"]}, {"weekdays": ["tue", "sat", "sun"]}])).map(
    lambda drawn: drawn[0] | drawn[1]
)
ON_HELD = {"onHeld": st.sampled_from(["defer", "defer", "defer", "skip", "exit"])}
SOME_CAPS, EXPIRY = st.lists(CAPS, min_size=1, max_size=2), st.sampled_from([0, 3_600, 86_400, 20 * 86_400])
CAPPED = st.fixed_dictionaries(ON_HELD | {"caps": SOME_CAPS}, optional={"expireAfterSeconds": EXPIRY})
MANNERS = (
    CAPPED
    | st.fixed_dictionaries(
        ON_HELD,
        optional={
            "caps": SOME_CAPS, "quietHours": HOURS, "sendWindow": WINDOW, "timezone": st.sampled_from(ZONES),
            "expireAfterSeconds": EXPIRY,
        },
    )
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

NUMBERS = range(60)
POOLS: dict[str, list[Verb]] = {
    "event": [("send", number) for number in range(len(EVENTS) * len(METADATA))],
    "open": [("send", number) for number in numbers_of("email_open")],
    "heard": [
        (verb, number) for number in numbers_of("email_open", "email_reply", "email_click") for verb in ("send", "tie")
    ],
    "people": [
        ("send", number) for about in ("contact", "user") for number in numbers_of("context_updated", about=about)
    ],
    "release": [
        (verb, number) for verb in ("send", "tie")
        for number in (*numbers_of("context_updated", about="release") * 8, *numbers_of("release_approaching"))
    ],
    "member": [("send", number) for number in numbers_of("segment_updated")],
    "soon": [("advance", seconds) for seconds in (0.5, 10, 29, 31, 60, 100)],
    "later": [("advance", seconds) for seconds in (0.5, 29, 31, 60, 4_000, 86_400, 700_000)],
    "hours": [("advance", seconds) for seconds in (60, 3_600, 30_000, 86_400, 200_000, 900_000)],
    "ticks": [("advance", seconds) for seconds in (900, 3_600, 20_000, 86_400, 200_000)],
    "month": [("advance", 2_700_000)],
    "again": [(verb, number) for verb in ("repeat", "trigger") for number in NUMBERS],
    "publish": [("publish", number) for number in NUMBERS],
    "stand": [("stand", number) for number in NUMBERS],
    "archive": [(verb, number) for verb in ("archive", "drain") for number in NUMBERS],
    "answer": [("answer", number) for number in NUMBERS],
    "busy": [("busy", number) for number in NUMBERS],
    "ask": [("ask", (verb, number)) for verb in ("pause", "resume", "cancel") for number in range(3)],
    "retry": [("retry", number) for number in NUMBERS],
}  # fmt: skip
"""What can happen, by its kind: the verb, and what it is about."""


def inputs_of(likely: str) -> st.SearchStrategy[list[Verb]]:
    """What happens in a story; first of all an opening.

    Args:
        likely: kinds, each as often as it is likely.
    """
    drawn = st.tuples(st.sampled_from(likely.split()), st.integers(0, 9_999))
    verbs = st.lists(drawn.map(lambda one: POOLS[one[0]][one[1] % len(POOLS[one[0]])]), min_size=4, max_size=14)
    return st.tuples(st.sampled_from(POOLS["open"]), verbs).map(lambda one: [one[0], *one[1]])


def stories(
    likely: str,
    nodes: list[parts.Part],
    *,
    triggers: list[parts.Part] = OPENED,
    others: list[parts.Part] | None = None,
    settings: st.SearchStrategy[dict[str, Any]] = NONE,
    awaits: list[int] | None = None,
    house: st.SearchStrategy[dict[str, Any]] = NONE,
    late: tuple[int, ...] = (0, 0, 0, 30_000, 90_000),
) -> st.SearchStrategy[Story]:
    """Stories of a theme.

    Args:
        likely: what happens, by kind, each as often as it is likely.
        nodes: what the flows are made of.
        triggers: what starts them.
        others: what starts the second flow, where that is something else.
        settings: of the flows.
        awaits: which nodes await answers, as bits.
        house: what the user asks of all flows.
        late: how far the wall clock is ahead, in milliseconds.
    """
    first = drawn_flows("f1", nodes, triggers, settings, awaits)
    other = drawn_flows("f2", nodes, others or triggers, settings, awaits)
    flows: st.SearchStrategy[tuple[list[Flow], ...]] = st.tuples(first, other) | st.tuples(first)
    return st.fixed_dictionaries({
        "flows": flows,
        "limits": st.sampled_from(LIMITS),
        "house": house,
        "scale": st.sampled_from([1.0, 1.0, 1.0, 10.0]),
        "late": st.sampled_from(late),
        "inputs": inputs_of(likely),
        "cuts": st.integers(0, 2**15 - 1),
        "crash": st.integers(0, 15),
    })  # fmt: skip


MANUAL: parts.Part = ("manual_trigger", {})
AWAITS = [0, 255, 255, 170, 84, 36, 62]
THEMES: dict[str, st.SearchStrategy[Story]] = {
    "waves": stories(
        "event event open open later later again publish archive", parts.OF_WAVES, triggers=TRIGGERS
    ),
    "answers": stories(
        "open heard heard soon soon later answer answer answer busy busy", parts.OF_ANSWERS, awaits=AWAITS
    ),
    "entries": stories(
        "open open heard heard event soon later again publish archive", parts.OF_ENTRIES,
        settings=OF_ENTRIES, house=st.sampled_from([{}, {}, {}, {"holdout": {"percent": 40}}]),
    ),
    "manners": stories(
        "open open heard hours hours people again", parts.OF_MANNERS, settings=OF_MANNERS | NONE,
        house=st.fixed_dictionaries({}, optional={"messages": MANNERS}),
    ),
    "changes": stories(
        "open open heard soon soon soon later month publish publish publish stand stand stand archive ask ask retry "
        "retry answer busy", parts.OF_CHANGES, settings=OF_CHANGES, awaits=AWAITS,
    ),
    "clock": stories(
        "open release release release member member ticks ticks ticks soon again publish stand archive",
        parts.OF_CLOCK, triggers=[*parts.TICKS, *parts.COUNTED * 3, *OPENED], others=[MANUAL, MANUAL, *parts.COUNTED],
        settings=st.fixed_dictionaries({}, optional={"onResume": ON_RESUME, "entry": ENTRY}), late=(90_000, 0, 30_000),
    ),
    "families": stories(
        "open open heard soon soon soon later publish stand archive ask ask retry retry answer busy",
        parts.OF_FAMILIES, others=[MANUAL], settings=OF_CHANGES | NONE, awaits=AWAITS,
    ),
    "all": stories(
        "event open open heard heard soon later hours people release answer busy again publish stand archive ask retry",
        [*parts.OF_WAVES, *parts.OF_ANSWERS, *parts.OF_MANNERS, *parts.RUNS, *parts.WAITED], awaits=AWAITS,
        triggers=[*TRIGGERS, *parts.TICKS[5:]], others=[*TRIGGERS, *[MANUAL] * 8],
        settings=OF_ENTRIES | OF_MANNERS | OF_CHANGES,
        house=st.fixed_dictionaries({}, optional={"messages": MANNERS}),
    ),
}  # fmt: skip
