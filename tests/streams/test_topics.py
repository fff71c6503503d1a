"""The table of topics holds what the contract asks of them."""

from __future__ import annotations

from streams.topics import FLOWS, INPUT_TOPICS, TOPICS

BY_NAME = {topic.name: topic for topic in TOPICS}


def test_every_topic_is_there_once() -> None:
    assert len(BY_NAME) == len(TOPICS) == 6 + 5 + 6 + 4
    assert {"mal.triggers", "mal.flows", "mal.executions", "tap.command-results", "mal.dead-letters"} <= BY_NAME.keys()
    assert {f"mal-{table}-changelog" for table in ("subjects", "entries", "executions", "positions")} <= BY_NAME.keys()


def test_only_the_flows_have_one_order() -> None:
    assert [topic.name for topic in TOPICS if not topic.carries_subjects] == [FLOWS]


def test_inputs_are_kept_for_thirty_days_at_least() -> None:
    assert list(INPUT_TOPICS) == sorted(INPUT_TOPICS)
    assert len(INPUT_TOPICS) == 8
    for name in INPUT_TOPICS:
        config = BY_NAME[name].config
        assert config["cleanup.policy"] == "delete"
        assert int(config["retention.ms"]) >= 30 * 86_400_000


def test_state_is_compacted_and_never_deleted() -> None:
    compacted = {topic.name for topic in TOPICS if topic.config["cleanup.policy"] == "compact"}
    assert compacted == {"mal.flows", "mal.entities", *(name for name in BY_NAME if name.endswith("-changelog"))}
    for name in compacted:
        config = BY_NAME[name].config
        # Kafka refuses a batch that no segment can hold.
        assert int(config["max.message.bytes"]) <= int(config["segment.bytes"])
