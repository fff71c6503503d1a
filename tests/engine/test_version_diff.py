"""What two versions of a flow differ in, said part by part."""

from typing import Any

from engine.flow import Position
from engine.version_diff import differences, removed_nodes
from tests.support.flows import version

FIRST: dict[str, Any] = {
    "t": ("email_open", {}),
    "wait": ("delay", {"delaySeconds": 60}),
    "tag": ("tag_contact", {"tag": "a"}),
}


def told(*others: Any) -> list[tuple[Any, ...]]:
    return [(one.part, one.change, one.name, one.key, one.before, one.after) for one in differences(*others)]


def test_the_same_is_no_difference_wherever_it_is_drawn() -> None:
    first = version(FIRST, "t>wait wait>tag")
    moved = first.model_copy(
        update={
            "version": 2,
            "nodes": tuple(node.model_copy(update={"position": Position(x=5, y=5)}) for node in first.nodes),
        }
    )
    assert told(first, moved) == []


def test_nodes_are_known_by_their_id() -> None:
    second = {"t": FIRST["t"], "wait": ("log_event", {"message": "m"}), "more": ("tag_contact", {"tag": "b"})}
    assert told(version(FIRST, "t>wait wait>tag"), version(second, "t>wait wait>more:error t>more")) == [
        ("node", "changed", "wait", "subtype", "delay", "log_event"),
        ("node", "changed", "wait", "config", {"delaySeconds": 60}, {"message": "m"}),
        ("node", "removed", "tag", None, {"type": "action", "subtype": "tag_contact", "config": {"tag": "a"}}, None),
        ("node", "added", "more", None, None, {"type": "action", "subtype": "tag_contact", "config": {"tag": "b"}}),
        ("edge", "removed", "wait → tag", None, None, None),
        ("edge", "added", "wait → more (error)", None, None, None),
        ("edge", "added", "t → more", None, None, None),
    ]


def test_the_order_of_edges_is_a_difference() -> None:
    [order] = told(version(FIRST, "t>wait t>tag"), version(FIRST, "t>tag t>wait"))
    assert order == ("edge", "changed", "all", "order", ["t → wait", "t → tag"], ["t → tag", "t → wait"])


def test_settings_and_the_flow_itself() -> None:
    first = version(FIRST, "").model_copy(update={"settings": {"entry": {"rule": "once"}, "goal": {"x": 1}, "a": 1}})
    second = first.model_copy(update={"settings": {"entry": {"rule": "once"}, "b": 2, "a": 1.5}, "name": "other"})
    assert told(first, second) == [
        ("flow", "changed", "flow-1", "name", "flow-1", "other"),
        ("setting", "removed", "goal", None, {"x": 1}, None),
        ("setting", "changed", "a", None, 1, 1.5),
        ("setting", "added", "b", None, None, 2),
    ]


def test_what_is_gone_or_of_another_type_can_hold_nobody() -> None:
    second = {"t": FIRST["t"], "wait": ("log_event", {"message": "m"})}
    assert removed_nodes(version(FIRST, ""), version(second, "")) == {"wait", "tag"}
