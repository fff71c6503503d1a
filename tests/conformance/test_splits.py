"""`ab_split` in flows: which way a contact goes, and which configs are refused."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from engine.flow import FlowVersion
from engine.reading import build_graph
from engine.splits import arm_of
from engine.types import Subject
from engine.validation import validate_graph
from tests.support.driver import FlowDriver
from tests.support.flows import opened, version

ARMS = {"variants": [{"label": "short", "weight": 3}, {"label": "long"}]}


def split(config: dict[str, Any], edges: str = "t>s s>a:short s>b:long", number: int = 1) -> FlowVersion:
    return version(
        {
            "t": ("email_open", {}), "s": ("ab_split", config),
            "a": ("log_event", {"message": "a"}), "b": ("log_event", {"message": "b"}),
        },
        edges, number=number,
    )  # fmt: skip


def errors(flow: FlowVersion) -> list[str]:
    return [found.message for found in validate_graph(build_graph(flow.nodes, flow.edges)).errors]


def arms_of(driver: FlowDriver) -> list[str]:
    return [step["port"] for step in driver.steps("s")]


def test_contacts_go_by_weight_and_stay_in_their_arm() -> None:
    driver = FlowDriver(split(ARMS))
    for number in range(400):
        driver.send(opened(f"c{number}"))
    counted = Counter(arms_of(driver))
    assert 260 < counted["short"] < 340
    assert counted["long"] == 400 - counted["short"]
    for number in range(400):
        driver.send(opened(f"c{number}"))
    assert arms_of(driver)[:400] == arms_of(driver)[400:]
    ran = Counter(step["nodeId"] for step in driver.steps() if step["status"] == "succeeded")
    assert (ran["a"], ran["b"]) == (2 * counted["short"], 2 * counted["long"])


def test_a_new_version_and_a_restart_change_no_arm() -> None:
    driver = FlowDriver(split(ARMS))
    for number in range(50):
        driver.send(opened(f"c{number}"))
    again = FlowDriver(split(ARMS, number=2), offset=50)
    again.take_over(driver)
    for number in range(50):
        again.send(opened(f"c{number}"))
    assert arms_of(again)[:50] == arms_of(again)[50:]


def test_the_salt_may_be_rendered_and_decides_the_arm() -> None:
    driver = FlowDriver(split({**ARMS, "salt": "{{ event.campaignId }}"}))
    for number in range(40):
        driver.send(opened("c1", campaign=f"k{number}"))
    wanted = [arm_of(Subject("contact", "c1"), f"k{number}", (("short", 3), ("long", 1))) for number in range(40)]
    assert arms_of(driver) == wanted
    assert set(wanted) == {"short", "long"}


def test_two_splits_divide_independently_unless_they_share_a_salt() -> None:
    nodes: dict[str, Any] = {"t": ("email_open", {}), "s": ("ab_split", ARMS), "u": ("ab_split", ARMS)}
    salted = {name: (kind, {**config, "salt": "x"} if config else config) for name, (kind, config) in nodes.items()}
    ways: list[Counter[bool]] = []
    for drawn in (nodes, salted):
        driver = FlowDriver(version(drawn, "t>s t>u"))
        for number in range(200):
            driver.send(opened(f"c{number}"))
        ways.append(Counter(one["port"] == two["port"] for one, two in zip(*map(driver.steps, "su"), strict=True)))
    assert ways[0][False] > 40
    assert ways[1] == {True: 200}


def test_an_arm_without_an_edge_of_its_own_takes_the_unlabelled_ones() -> None:
    driver = FlowDriver(split(ARMS, "t>s s>a:short s>b"))
    for number in range(40):
        driver.send(opened(f"c{number}"))
    assert {step["status"] for step in driver.steps("b") if step["status"] != "skipped"} == {"succeeded"}


def test_a_split_is_valid_and_every_arm_is_an_outcome() -> None:
    assert errors(split(ARMS)) == []
    assert errors(split({**ARMS, "salt": "{{ event.campaignId }}"})) == []
    found = errors(split(ARMS, "t>s s>a:shrt s>b:long"))
    assert len(found) == 1
    assert 'it has "short", "long", "error"' in found[0]
    drawn = split(ARMS, "t>s s>a:short s>b:error")
    warned = validate_graph(build_graph(drawn.nodes, drawn.edges)).warnings
    assert 'nothing follows its outcome "long"' in warned[0].message


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "config.variants is missing"),
        ({"variants": "x"}, "config.variants"),
        ({"variants": ["x", "y"]}, "config.variants[0]"),
        ({"variants": [{"label": "short"}]}, "must have 2 or more"),
        ({"variants": [{"label": "short"}, {"label": "short"}]}, "the label 'short' is there twice"),
        ({"variants": [{"label": "short"}, {"label": "error"}]}, "'error' is taken"),
        ({"variants": [{"label": "short", "weight": 0}, {"label": "long", "weight": 0}]}, "every weight is 0"),
        ({"variants": [{"label": "short", "weight": -1}, {"label": "long"}]}, "variants[0].weight is -1"),
        ({"variants": [{"label": ""}, {"label": "long"}]}, "variants[0].label"),
        ({"variants": [{"label": "{{ event.a }}"}, {"label": "long"}]}, "variants take no templates"),
        ({"variants": "{{ event.variants }}"}, "variants take no templates"),
        ({**ARMS, "salt": ""}, "config.salt"),
        ({**ARMS, "slat": "x"}, 'unknown key "slat", did you mean salt?'),
    ],
)
def test_a_config_that_cannot_divide_is_refused(config: dict[str, Any], words: str) -> None:
    assert any(words in message for message in errors(split(config, "t>s")))
