"""A running system as others see it: `mal` as a command, Kafka by librdkafka, and what was written there.

Knows contract.md and nothing of how it is kept: no topic table, no codec and no id of ours but the namespace.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4, uuid5

from confluent_kafka import Consumer, Producer, TopicPartition
from typer.testing import CliRunner

from cli.main import app
from engine.ids import NAMESPACE

EVENT_TOPICS = {
    "email_open": "tap.email-engine.events", "email_click": "tap.email-engine.events",
    "email_reply": "tap.email-engine.events", "contact_added": "tap.list-builder.events",
    "contact_tagged": "tap.list-builder.events", "contact_untagged": "tap.list-builder.events",
    "segment_updated": "tap.list-builder.events", "campaign_created": "tap.campaign-tracker.events",
    "campaign_status_changed": "tap.campaign-tracker.events", "campaign_metrics_updated": "tap.campaign-tracker.events",
    "release_approaching": "tap.release-planner.events", "asset_uploaded": "tap.release-planner.events",
    "success_fingerprint_updated": "tap.cmg.events", "context_updated": "tap.fusion-layer.events",
}  # fmt: skip
COMMAND_TOPICS = (
    "tap.email-engine.commands", "tap.list-builder.commands", "tap.release-planner.commands", "tap.cmg.commands",
    "tap.fusion-layer.commands",
)  # fmt: skip
FEED = "mal.executions"
DEAD_LETTERS = "mal.dead-letters"
PARTITIONS = 8
TIME_SCALE = 3600
"""An hour is a second."""
READY_SECONDS = 90.0
SUBJECT_FIELDS = ("contactId", "campaignId", "releaseId", "assetId", "entityId")
MAL = (sys.executable, str(Path(sys.executable).with_name("mal")))
T = TypeVar("T")


def derived(*parts: Any) -> str:
    """An id of contract.md section 5, made here again."""
    return str(uuid5(NAMESPACE, json.dumps(parts, separators=(",", ":"))))


def flow_id(user: str, name: str) -> str:
    return derived("flow", user, None, name)


def node_id(flow: str, ref: str) -> str:
    return derived("node", flow, ref)


def execution_id(flow: str, event: Mapping[str, Any], subject: tuple[str, str], source: str | None = None) -> str:
    return derived("x", flow, source or event["source"], *subject, str(event["id"]))


def event(kind: str, user: str | None, **payload: Any) -> dict[str, Any]:
    """An event with an id of its own."""
    metadata = {"userId": user, "workspaceId": None}
    return {"id": str(uuid4()), "type": kind, "source": "test", "payload": payload, "metadata": metadata}


def flow_file(
    user: str | None,
    name: str,
    nodes: Mapping[str, tuple[str, Mapping[str, Any]]],
    edges: str,
    **flow: Any,
) -> dict[str, Any]:
    """A flow file: ref → (subtype, config), and edges as `a>b` or `a>b:label`, blanks between them."""
    drawn = []
    for edge in edges.split():
        ends, _, label = edge.partition(":")
        source, target = ends.split(">")
        drawn.append({"sourceNodeId": source, "targetNodeId": target} | ({"conditionLabel": label} if label else {}))
    return {
        "flow": {"name": name, "userId": user, "triggerType": "event", **flow},
        "nodes": [
            {"ref": ref, "type": _kind(subtype), "subtype": subtype, "config": dict(config)}
            for ref, (subtype, config) in nodes.items()
        ],
        "edges": drawn,
    }


def _kind(subtype: str) -> str:
    if subtype in EVENT_TOPICS or subtype == "manual_trigger":
        return "trigger"
    return "condition" if subtype.startswith("if_") else "action"


@dataclass(frozen=True)
class Seen:
    """A record as a read_committed reader of librdkafka saw it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def json(self) -> dict[str, Any]:
        assert self.value is not None
        decoded: dict[str, Any] = json.loads(self.value)
        return decoded


class Up:
    """`mal up` on a folder."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("MAL_")},
            "MAL_DATA_DIR": str(folder), "MAL_TIME_SCALE": str(TIME_SCALE), **environment,
        }  # fmt: skip
        self.log = folder.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*MAL, "up", "--no-simulators", *arguments], env=self.environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    @property
    def services(self) -> Path:
        return self.folder / "services.json"

    def ready(self) -> dict[str, Any]:
        """Wait until services.json is there, and read it."""
        until(lambda: self.services.exists() or self.process.poll() is not None, READY_SECONDS, "mal up is ready")
        assert self.services.exists(), self.log.read_text()
        found: dict[str, Any] = json.loads(self.services.read_text())
        return found

    def stop(self) -> int:
        """Ask it to end as Ctrl-C does, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def mal(self, *arguments: str, stdin: str | bytes | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command on what is running here."""
        return subprocess.run(
            [*MAL, *arguments], env=self.environment, input=stdin.decode() if isinstance(stdin, bytes) else stdin,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def rows(self, *arguments: str, stdin: str | None = None) -> list[dict[str, Any]]:
        """Run a command that must succeed with --json, and read its lines: there is nothing else on stdout."""
        return json_lines(self.mal(*arguments, "--json", stdin=stdin))


class Lab:
    """A running system, and everything that came out of it so far."""

    def __init__(self, up: Up, kafka: str, postgres: str) -> None:
        self.up = up
        self.kafka, self.postgres = kafka, postgres
        self._producer = Producer({
            "bootstrap.servers": kafka, "partitioner": "murmur2_random", "linger.ms": 1,
            "message.max.bytes": 8 * 1024 * 1024, "log_level": 0,
        })  # fmt: skip
        self._seen: list[Seen] = []
        self._ending = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        self._ending.set()
        self._reader.join(20)

    def mal(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in this process, which takes a tenth of the time. `up.mal` is the real one."""
        with ThreadPoolExecutor(1) as apart:  # the loop of a test may run in this thread
            runner = CliRunner(env=self.up.environment)
            done = apart.submit(runner.invoke, app, list(arguments), input=stdin, prog_name="mal").result(60)
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    def rows(self, *arguments: str, stdin: str | None = None) -> list[dict[str, Any]]:
        """Run a command that must succeed with --json, and read its lines: there is nothing else on stdout."""
        return json_lines(self.mal(*arguments, "--json", stdin=stdin))

    # ---- in

    def put(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        *,
        headers: Any = (),
        partition: int = -1,
        timestamp: int = 0,
    ) -> tuple[int, int]:
        """Put a record on a topic; return partition and offset."""
        placed: list[Any] = []
        self._producer.produce(
            topic, value, key, partition, headers=list(headers), timestamp=timestamp,
            on_delivery=lambda error, message: placed.append((error, message)),
        )  # fmt: skip
        self._producer.flush(20)
        ((error, message),) = placed
        assert error is None, error
        return message.partition(), message.offset()

    def send(self, sent: Mapping[str, Any], **more: Any) -> tuple[int, int]:
        """Put an event on the topic of its type, keyed by its subject."""
        payload, metadata = sent["payload"], sent.get("metadata") or {}
        subject = next((payload[field] for field in SUBJECT_FIELDS if payload.get(field)), metadata.get("userId"))
        key = None if subject is None else str(subject).encode()
        return self.put(EVENT_TOPICS[sent["type"]], json.dumps(sent).encode(), key, **more)

    # ---- out

    def on(self, topic: str) -> list[Seen]:
        return [record for record in list(self._seen) if record.topic == topic]

    def commands(self, execution: str) -> list[Seen]:
        """The commands of an execution, by topic."""
        needle = execution.encode()
        seen = [one for one in list(self._seen) if one.topic in COMMAND_TOPICS and needle in (one.value or b"")]
        return [one for one in seen if one.json["executionId"] == execution]

    def story(self, execution: str) -> list[dict[str, Any]]:
        """The records of an execution on the feed, in their order; decisions are no part of it."""
        return [
            one.json for one in self.on(FEED) if execution.encode() in (one.value or b"") and "seq" in one.json
            and one.json["executionId"] == execution
        ]  # fmt: skip

    def ended(self, execution: str, seconds: float = 15.0) -> dict[str, Any]:
        """Wait until an execution has ended, and return the record that says so."""

        def last() -> dict[str, Any] | None:
            return next((record for record in self.story(execution) if record["endReason"]), None)

        return until(last, seconds, f"the end of {execution}")

    def begun(self, execution: str, seconds: float = 15.0) -> dict[str, Any]:
        """Wait for the first record of an execution."""
        return until(lambda: next(iter(self.story(execution)), None), seconds, f"the begin of {execution}")

    def decisions(self, event_id: str) -> list[dict[str, Any]]:
        return [
            one.json for one in self.on(FEED)
            if event_id.encode() in (one.value or b"") and one.json.get("eventId") == event_id
        ]  # fmt: skip

    def decision(self, event_id: str) -> dict[str, Any]:
        return until(lambda: next(iter(self.decisions(event_id)), None), 15.0, f"a decision on {event_id}")

    def letter(self, topic: str, partition: int, offset: int) -> Seen:
        """Wait for the dead letter of a record."""
        place = {("topic", topic.encode()), ("partition", b"%d" % partition), ("offset", b"%d" % offset)}

        def found() -> Seen | None:
            return next((one for one in self.on(DEAD_LETTERS) if place <= set(one.headers)), None)

        return until(found, 15.0, f"the dead letter of {topic}:{partition}:{offset}")

    def _read(self) -> None:
        consumer = Consumer({
            "bootstrap.servers": self.kafka, "group.id": "outside", "isolation.level": "read_committed",
            "enable.auto.commit": False, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50,
                "log_level": 0,
        })  # fmt: skip
        topics = (*COMMAND_TOPICS, FEED, DEAD_LETTERS)
        consumer.assign([TopicPartition(topic, number, 0) for topic in topics for number in range(PARTITIONS)])
        while not self._ending.is_set():
            for message in consumer.consume(500, 0.1):
                if message.error() is None:
                    headers: list[Any] = list(message.headers() or ())
                    place = (message.topic() or "", message.partition() or 0, message.offset() or 0)
                    self._seen.append(Seen(*place, message.key(), message.value(), tuple(headers)))
        consumer.close()


def json_lines(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Read the lines of a command that did its work."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def until(look: Callable[[], T | None], seconds: float, what: str) -> T:
    """Return what is looked for once it is there; fail where it is not in time."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
    return found
