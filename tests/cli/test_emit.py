"""`mal emit` and `mal trigger`: what they put on Kafka, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import orjson
import pytest

from streams.topics import TRIGGERS
from tests.cli.conftest import Mal, records, rows

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[2]
FOLLOW_UP = str(ROOT / "examples/email-follow-up.yaml")
NAME = "Email follow-up"


def _event(kind: str, source: str, **payload: str) -> str:
    event = {"type": kind, "source": source, "payload": payload, "metadata": {"userId": "user_001"}}
    return orjson.dumps(event).decode()


def test_events_are_on_their_topics_under_their_subjects(mal: Mal, topics: str, tmp_path: Path) -> None:
    contact, campaign = f"contact-{uuid4()}", f"campaign-{uuid4()}"
    lines = [
        _event("email_open", "email_engine", contactId=contact, campaignId="k"),
        _event("success_fingerprint_updated", "cmg", campaignId=campaign),
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(lines) + "\n")
    sent = [row["id"] for row in rows(mal("emit", str(tmp_path / "events.jsonl"), "--json"))]
    for topic, subject, event_id in zip(
        ("tap.email-engine.events", "tap.cmg.events"), (contact, campaign), sent, strict=True
    ):
        (record,) = [record for record in records(topics, topic) if record.key == subject.encode()]
        assert orjson.loads(record.value)["id"] == event_id


def test_where_one_line_is_wrong_nothing_is_sent(mal: Mal, topics: str) -> None:
    before = len(records(topics, "tap.email-engine.events"))
    lines = [_event("email_open", "email_engine", contactId="c"), _event("nobody_knows", "x"), "{"]
    refused = mal("emit", "-", stdin="\n".join(lines))
    assert refused.exit_code == 1
    assert refused.stdout == ""
    assert "stdin: nothing was sent\nline 2: no topic takes the type 'nobody_knows'" in refused.stderr
    assert "line 3: is no JSON" in refused.stderr
    assert len(records(topics, "tap.email-engine.events")) == before


def test_a_trigger_prints_the_execution_it_starts_the_same_for_the_same_key(mal: Mal, topics: str) -> None:
    (flow,) = rows(mal("flows", "apply", FOLLOW_UP, "--publish", "--json"))
    contact = f"contact-{uuid4()}"
    asked = ("--payload", orjson.dumps({"contactId": contact}).decode(), "--idempotency-key", "k-1")
    (first,) = rows(mal("trigger", NAME, *asked, "--json"))
    assert mal("trigger", flow["id"], *asked).stdout.strip() == first["executionId"]
    record, _ = [record for record in records(topics, TRIGGERS) if record.key == contact.encode()]
    event = orjson.loads(record.value)
    assert (event["type"], event["metadata"]["userId"]) == ("manual_trigger", "user_001")


def test_a_draft_and_an_archived_flow_cannot_be_triggered(mal: Mal) -> None:
    rows(mal("flows", "apply", FOLLOW_UP, "--json"))
    draft = mal("trigger", NAME)
    assert draft.exit_code == 1
    assert "is a draft; publish it first" in draft.stderr
    rows(mal("flows", "publish", NAME, "--json"))
    rows(mal("flows", "archive", NAME, "--json"))
    archived = mal("trigger", NAME)
    assert archived.exit_code == 1
    assert "is archived; publish it first" in archived.stderr


def test_a_subject_that_is_none_is_refused(mal: Mal) -> None:
    rows(mal("flows", "apply", FOLLOW_UP, "--publish", "--json"))
    refused = mal("trigger", NAME, "--payload", '{"contactId": ""}')
    assert refused.exit_code == 1
    assert "contactId" in refused.stderr


def test_an_event_that_starts_nothing_is_sent_and_told(mal: Mal) -> None:
    sent = mal("emit", "-", stdin='{"type": "email_open", "source": "x", "payload": {"contactId": "c"}}')
    assert sent.exit_code == 0
    assert "stdin: event 1 is sent but starts nothing: its metadata has neither userId nor" in sent.stderr
    assert len(sent.stdout.splitlines()) == 1


def test_a_trigger_without_the_contact_that_a_flow_is_about_is_told(mal: Mal) -> None:
    rows(mal("flows", "apply", FOLLOW_UP, "--publish", "--json"))
    assert "names no contact" in mal("trigger", NAME).stderr
    assert "names no" not in mal("trigger", NAME, "--payload", '{"contactId": "c"}').stderr


def test_a_name_that_is_nearly_that_of_a_flow_is_answered_with_it(mal: Mal) -> None:
    rows(mal("flows", "apply", FOLLOW_UP, "--json"))
    assert f"'Email folow up', did you mean {NAME}? `mal flows list` shows" in mal("trigger", "Email folow up").stderr
