"""A flow over time: its versions and the policy of each, and whether it is paused or archived."""

from __future__ import annotations

from typing import Any


class Published:
    """A flow that was published."""

    def __init__(self, flow: dict[str, Any], now: int) -> None:
        self.id: str = flow["flowId"]
        self.status = "published"
        self.since = now
        """When it came to stand so."""
        self.begins: dict[int, int] = {}
        """Since when each version is in force."""
        self.versions: dict[int, dict[str, Any]] = {}
        self.policies: dict[int, str] = {}
        self.held: list[dict[str, Any]] = []
        """Matches that the pause holds: the event, when, and whether by hand."""
        self.publish(flow, "pin", now)

    def stand(self, status: str, now: int) -> None:
        """Pause, resume or archive it."""
        self.status, self.since = status, now

    def publish(self, flow: dict[str, Any], policy: str, now: int) -> None:
        """Freeze the next version; a paused flow stays paused."""
        self.versions[flow["version"]] = flow
        self.policies[flow["version"]] = policy
        self.begins[flow["version"]] = now

    @property
    def newest(self) -> dict[str, Any]:
        return self.versions[max(self.versions)]

    @property
    def takes(self) -> bool:
        """Whether events match it; a paused flow holds them."""
        return self.status in {"published", "paused"}

    def version_for(self, execution: Any) -> dict[str, Any]:
        """The highest above that was published with `migrate`, which an execution moves to at its next input."""
        number: int = execution.flow["version"]
        return self.versions[max(self.later(execution, "migrate"), default=number)]

    def ends(self, execution: Any) -> bool:
        """Whether an execution ends, since a version above its own was published with `exit`."""
        return bool(self.later(execution, "exit"))

    def later(self, execution: Any, policy: str) -> list[int]:
        """The versions above that were published so; on a named version, only those published since it started."""
        return [
            number for number, published in self.policies.items()
            if published == policy and number > execution.flow["version"]
            and (execution.parent is None or self.begins[number] > execution.started)
        ]  # fmt: skip


def is_skipped(setting: dict[str, Any] | None, age: int, scale: float) -> bool:
    """Whether a match that a pause held so long starts nothing on resume: the setting `onResume`."""
    if not setting:
        return False
    oldest = setting.get("maxAgeSeconds")
    return setting.get("mode") == "skip" or (oldest is not None and age > oldest * 1000 / scale)
