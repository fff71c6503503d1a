"""Local time in real zones: the one module that names the zone database.

Zones come from the pinned package `tzdata`, never from the machine, so that every worker and every replay reads the
same clocks. What a local time means where clocks are set is decided here, once: in the hour that comes twice it is
both; in the hour that is left out it is the moment of the jump.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

from engine.types import Json

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_DAY_MS: Final = 86_400_000


class Zone:
    """A time zone."""

    __slots__ = ("_zone", "name")

    def __init__(self, name: str, zone: ZoneInfo) -> None:
        self.name = name
        self._zone = zone

    def local(self, at_ms: int) -> datetime:
        """Return what the clocks of the zone show, without an offset."""
        return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(self._zone).replace(tzinfo=None, fold=0)

    def aware(self, at_ms: int) -> datetime:
        """Return what the clocks of the zone show, with the zone."""
        return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(self._zone)

    def moments_of(self, local: datetime) -> tuple[int, ...]:
        """Return when the clocks show a time: one moment, two where they are set back over it.

        Where they jump over it, it is the first moment after the jump.
        """
        first, second = (self._moment(local.replace(fold=fold)) for fold in (0, 1))
        if first == second:
            return (first,)
        if first < second:
            return first, second
        # Not a moment later than `first`, where the offset of after the jump is in force.
        return (self._first_other(second, first, self._offset(second)),)

    def jumps(self, from_ms: int, until_ms: int) -> list[int]:
        """Return when the clocks are set between two moments."""
        found = []
        for start_ms in range(from_ms, until_ms, _DAY_MS):
            before = self._offset(start_ms)
            if self._offset(start_ms + _DAY_MS) != before:
                found.append(self._first_other(start_ms, start_ms + _DAY_MS, before))
        return found

    def _moment(self, local: datetime) -> int:
        return (local.replace(tzinfo=self._zone) - _EPOCH) // _MS

    def _offset(self, at_ms: int) -> timedelta | None:
        return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(self._zone).utcoffset()

    def _first_other(self, low_ms: int, high_ms: int, offset: timedelta | None) -> int:
        """Return the first moment, after a low one and up to a high one, at which the offset is another."""
        while high_ms - low_ms > 1:
            middle_ms = (low_ms + high_ms) // 2
            if self._offset(middle_ms) == offset:
                low_ms = middle_ms
            else:
                high_ms = middle_ms
        return high_ms


def zone_named(name: Json) -> Zone | None:
    """Return the zone of an IANA name such as Europe/Berlin; None where there is none, whatever the value."""
    return _zone(name) if isinstance(name, str) and name in _names() else None


@cache
def _names() -> frozenset[str]:
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


@cache
def _zone(name: str) -> Zone:
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return Zone(name, ZoneInfo.from_file(data, key=name))


UTC_ZONE: Final = Zone("UTC", ZoneInfo("UTC"))
"""Where nobody told a zone."""
