"""The report of a run: a table of cycles by kind with the slowest way back, what was measured, and the verdict."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence

from tests.fault.driver import LANES, Cycle
from tests.fault.faults.postgres import AWAY
from tests.fault.gauges import Gauges
from tests.fault.readers import Verdict


def cycle_table(cycles: Sequence[Cycle]) -> Iterator[str]:
    """Write the cycles by kind."""
    by_kind: defaultdict[str, list[Cycle]] = defaultdict(list)
    for cycle in cycles:
        by_kind[cycle.kind].append(cycle)
    yield "| fault | cycles | back after, median | slowest |"
    yield "|---|---|---|---|"
    for lane in LANES:
        mine = [cycle for cycle in cycles if cycle.lane == lane.name and cycle.counts]
        if not mine:
            continue
        for kind in dict.fromkeys([*(kind.name for kind in lane.kinds), *(cycle.kind for cycle in mine)]):
            back = [cycle.back_seconds for cycle in by_kind[kind] if cycle.counts and cycle.back_seconds is not None]
            if back:
                yield f"| {kind} | {len(back)} | {statistics.median(back):.1f} s | {max(back):.1f} s |"
        yield f"| **{lane.name}** | **{len(mine)}** | | |"


def counted(cycles: Sequence[Cycle]) -> tuple[int, int]:
    """How many cycles count: of kills, bounces and the like, and of bursts of records."""
    records = {lane.name for lane in LANES if lane.is_record}
    bursts = sum(cycle.counts and cycle.lane in records for cycle in cycles)
    return sum(cycle.counts for cycle in cycles) - bursts, bursts


def away_lines(cycles: Sequence[Cycle], gauges: Gauges) -> Iterator[str]:
    """Write what ten minutes without Postgres did to the workers, and how long the audit took to catch up."""
    for cycle in cycles:
        if cycle.kind != AWAY.name or cycle.back_seconds is None:
            continue
        gone, back = cycle.at_seconds, cycle.at_seconds + AWAY.seconds[1]
        caught_up = cycle.at_seconds + cycle.back_seconds
        yield f"Postgres away from {gone:.0f} s to {back:.0f} s: the audit had caught up {caught_up - back:.1f} s after"
        yield "| | biggest worker, median | event to command, median | 90 in 100 |"
        yield "|---|---|---|---|"
        for what, first, last in (
            ("before", gone - AWAY.seconds[1], gone),
            ("away, first half", gone, (gone + back) / 2),
            ("away, second half", (gone + back) / 2, back),
            ("after", caught_up, caught_up + AWAY.seconds[1]),
        ):
            median, most = gauges.late_ms(first, last)
            yield f"| {what} | {gauges.megabytes(first, last):.0f} MB | {median:.0f} ms | {most:.0f} ms |"


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """Write the verdict."""
    yield "read: " + ", ".join(f"{count:,} {what}" for what, count in verdict.counts.items())
    yield (
        f"lost {verdict.faults('lost')}, twice {verdict.faults('twice', 'unexpected')}, "
        f"state difference {verdict.faults('state', 'offsets')}, out of order {verdict.faults('order')}, "
        f"time {verdict.faults('time')}, audit difference {verdict.faults('audit')} "
        f"(verified in {verdict.seconds:.0f} s)"
    )
    yield from (f"  {finding}" for finding in verdict.findings)
