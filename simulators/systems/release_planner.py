"""Release Planner: keeps a release's tasks; somebody does some of them, by uploading what was asked for."""

from __future__ import annotations

from collections.abc import Mapping

from engine.wire import rfc3339
from simulators.chance import Chance
from simulators.events import by_people, event_id
from simulators.systems.base import Done, text_of
from simulators.values import Command, Json, Moment, Publication

NAME = "release_planner"
ASSET_DROP = "asset_drop"
UPLOAD_SECONDS = 30 * 3600.0
ASSETS = (("artwork", "cover.png"), ("audio", "master.wav"), ("press_photo", "press.jpg"), ("video", "teaser.mp4"))


class ReleasePlanner:
    """The open tasks of releases. The more tasks a release has, the less likely a further one gets done."""

    name = NAME
    hears: frozenset[str] = frozenset()

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._tasks: dict[str, int] = {}

    def perform(self, command: Command, now: Moment) -> Done:
        """Note a task of a release."""
        release, title = text_of(command.payload, "releaseId"), text_of(command.payload, "title")
        before = self._tasks.get(release, 0)
        self._tasks[release] = before + 1
        output = {"taskId": f"task_{event_id('task', command.id)[:12]}", "releaseId": release, "title": title}
        if not self._chance.happens(0.3 * 0.5**before, "done", command.id):
            return Done(output)
        return Done(output, (self._upload(command, release, now),))

    def hear(self, event: Mapping[str, Json], now: Moment) -> tuple[Publication, ...]:  # noqa: ARG002 -- the port's shape
        """Hear nothing: what people plan does not change how tasks are kept."""
        return ()

    def _upload(self, command: Command, release: str, now: Moment) -> Publication:
        at_ms = now.after(self._chance.seconds(UPLOAD_SECONDS, "upload after", command.id))
        kind, name = self._chance.pick(ASSETS, "asset", command.id)
        payload = {
            "assetId": f"asset_{event_id('asset', command.id)[:12]}", "userId": command.owner.user_id,
            "assetType": kind, "fileName": name, "uploadedAt": rfc3339(at_ms), "releaseId": release,
        }  # fmt: skip
        return by_people("asset_uploaded", ASSET_DROP, payload, command.owner, at_ms=at_ms, words=(command.id,))
