from __future__ import annotations

from simulators.chance import Chance
from simulators.desk import Desk
from simulators.systems.list_builder import ListBuilder
from simulators.works import Works
from tests.simulators.commands import NOW, command

TAG = {"contactId": "contact_1", "tag": "vip"}


def desk(failure_rate: float = 0.0, works: Works | None = None, seed: int = 1) -> Desk:
    return Desk(ListBuilder(), works or Works(), Chance(seed), failure_rate)


def test_a_command_is_done_and_answered() -> None:
    reaction = desk().take(command("tag_contact", TAG), NOW)
    assert reaction is not None
    assert reaction.answer == {
        "commandId": "command-1", "attempt": 1, "status": "succeeded", "retryable": False, "error": None,
        "output": {**TAG, "changed": True}, "finishedAt": "2026-09-21T14:13:20Z",
    }  # fmt: skip


def test_after_a_success_every_repeat_is_dropped_whatever_its_attempt() -> None:
    here = desk()
    assert here.take(command("tag_contact", TAG), NOW)
    assert here.take(command("tag_contact", TAG), NOW) is None
    assert here.take(command("tag_contact", TAG, attempt=2), NOW) is None


def test_after_a_failure_the_same_attempt_is_dropped_and_the_next_one_done() -> None:
    works = Works()
    failed = desk(1.0, works).take(command("tag_contact", TAG), NOW)
    assert failed is not None
    assert failed.answer["status"] == "failed"
    assert failed.publications == ()
    assert desk(0.0, works).take(command("tag_contact", TAG), NOW) is None
    done = desk(0.0, works).take(command("tag_contact", TAG, attempt=2), NOW)
    assert done is not None
    assert done.answer["status"] == "succeeded"
    assert done.answer["attempt"] == 2


def test_failures_come_at_the_rate_that_was_set_and_most_may_be_tried_again() -> None:
    here = desk(0.2)
    reactions = [here.take(command("tag_contact", TAG, identity=f"c{number}"), NOW) for number in range(2_000)]
    failed = [reaction.answer for reaction in reactions if reaction and reaction.answer["status"] == "failed"]
    assert 330 < len(failed) < 470
    retryable = [answer for answer in failed if answer["retryable"]]
    assert 0.7 < len(retryable) / len(failed) < 0.9
    assert "simulated failure" in failed[0]["error"]["message"]


def test_the_same_seed_fails_the_same_commands() -> None:
    def failures(seed: int) -> list[int]:
        here = desk(0.5, seed=seed)
        taken = [(number, here.take(command("tag_contact", TAG, identity=f"c{number}"), NOW)) for number in range(50)]
        return [number for number, reaction in taken if reaction and reaction.answer["status"] == "failed"]

    assert failures(3) == failures(3) != failures(4)


def test_a_command_of_another_system_fails_for_good() -> None:
    reaction = desk().take(command("notify_user", {"userId": "user_001", "message": "hi"}), NOW)
    assert reaction is not None
    assert reaction.answer["status"] == "failed"
    assert reaction.answer["retryable"] is False
    assert reaction.answer["error"]["message"] == "list_builder has no command 'notify_user'"


def test_a_command_that_lacks_what_it_needs_fails_for_good_naming_the_field() -> None:
    reaction = desk().take(command("tag_contact", {"contactId": "contact_1"}), NOW)
    assert reaction is not None
    assert reaction.answer["error"] == {
        "code": "invalid_payload",
        "message": "payload.tag must be a non-empty string, it is None",
    }


def test_events_nobody_listens_to_are_passed_over() -> None:
    assert desk().hear({"type": "email_open", "payload": {}}, NOW) == ()
    assert desk().hear({"type": "contact_tagged", "payload": None}, NOW) == ()
