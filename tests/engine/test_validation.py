"""Validation: each error and warning of product.md section 1, said so that a person can act on it."""

from __future__ import annotations

from typing import Any

import pytest

from engine.problems import Validation
from engine.reading import build_graph
from engine.validation import validate_graph

OPEN = {"ref": "open", "type": "trigger", "subtype": "email_open"}
WEEK = {"ref": "week", "type": "action", "subtype": "delay", "config": {"delaySeconds": 604800}}
TAG = {"ref": "tag", "type": "action", "subtype": "tag_contact", "config": {"tag": "vip"}}
VIP = {"ref": "vip", "type": "condition", "subtype": "if_tag_present", "config": {"tag": "vip"}}
NOTE = {"ref": "note", "type": "action", "subtype": "log_event", "config": {"message": "here", "level": "info"}}


def ways(text: str) -> list[dict[str, Any]]:
    """Edges of `a>b` or `a>b:label`."""
    edges = []
    for way in text.split():
        ends, _, label = way.partition(":")
        source, _, target = ends.partition(">")
        edges.append({"sourceNodeId": source, "targetNodeId": target, "conditionLabel": label or None})
    return edges


def check(nodes: list[Any], edges: str = "", settings: Any = None, trigger_type: Any = None) -> Validation:
    return validate_graph(build_graph(nodes, ways(edges)), settings, trigger_type=trigger_type)


def errors(nodes: list[Any], edges: str = "", **flow: Any) -> list[tuple[str, str | None, str]]:
    return [(found.path, found.node_id, found.message) for found in check(nodes, edges, **flow).errors]


def with_config(node: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {**node, "config": config}


class TestAValidFlow:
    def test_has_no_errors_and_no_warnings(self) -> None:
        found = check([OPEN, WEEK, VIP, TAG, NOTE], "open>week week>vip vip>tag:true vip>note:false tag>note:error")
        assert found == Validation(is_valid=True)

    def test_reads_as_the_object_of_the_wire(self) -> None:
        found = check([OPEN])
        assert (found["isValid"], found["errors"], found["warnings"]) == (True, [], [])
        found = check([])
        assert found["isValid"] is False
        assert found["errors"][0]["path"] == "nodes"

    def test_may_be_a_cycle_with_a_wait(self) -> None:
        assert check([OPEN, WEEK, VIP, TAG], "open>week week>vip vip>tag:true vip>week:false").is_valid

    def test_may_say_what_is_the_default_anyway(self) -> None:
        node = {**TAG, "options": {"join": "any", "awaitResult": False}}
        assert check([OPEN, node], "open>tag", settings={"entry": {"rule": "every_event"}}).is_valid

    def test_may_join_all_branches(self) -> None:
        node = {**NOTE, "options": {"join": "all"}}
        assert check([OPEN, TAG, WEEK, node], "open>tag open>week tag>note week>note").is_valid


class TestTriggers:
    def test_there_is_one(self) -> None:
        assert errors([TAG]) == [("nodes", None, "the flow has no trigger; add one node of type trigger")]

    def test_there_are_not_two(self) -> None:
        (found,) = errors([OPEN, {"ref": "added", "type": "trigger", "subtype": "contact_added"}])
        assert found[:2] == ("nodes[1]", "added")
        assert 'node "added" is a second trigger beside "open"' in found[2]

    def test_nothing_leads_into_it(self) -> None:
        (found,) = errors([OPEN, WEEK], "open>week week>open")
        assert found[:2] == ("edges[1].targetNodeId", "open")
        assert 'edges[1] from "week" to "open": nothing leads into a trigger' in found[2]

    def test_a_config_that_matches_nothing_is_a_warning(self) -> None:
        found = check([with_config(OPEN, allCampaigns=False)])
        assert found.is_valid
        assert [(warning.path, warning.node_id) for warning in found.warnings] == [("nodes[0].config", "open")]

    @pytest.mark.parametrize(
        ("trigger_type", "words"),
        [("schedule", "or the trigger schedule"), ("hourly", '"hourly"'), (7, "is 7"), ("manual", "make it event")],
    )
    def test_a_trigger_type_that_does_not_fit_is_an_error(self, trigger_type: Any, words: str) -> None:
        (found,) = errors([OPEN], trigger_type=trigger_type)
        assert found[0] == "flow.triggerType"
        assert words in found[2]

    def test_a_manual_trigger_of_an_event_flow_is_a_warning(self) -> None:
        trigger = {"ref": "start", "type": "trigger", "subtype": "manual_trigger"}
        assert check([trigger], trigger_type="manual") == Validation(is_valid=True)
        found = check([trigger], trigger_type="event")
        assert found.is_valid
        assert "make it manual" in found.warnings[0].message


class TestNodes:
    def test_an_unknown_subtype_is_named_with_the_nearest(self) -> None:
        (found,) = errors([OPEN, {**TAG, "subtype": "tag_contakt"}], "open>tag")
        assert found[:2] == ("nodes[1].subtype", "tag")
        assert 'subtype "tag_contakt" is unknown, did you mean tag_contact?' in found[2]

    def test_a_subtype_of_another_kind_is_an_error(self) -> None:
        (found,) = errors([OPEN, {**TAG, "type": "condition"}], "open>tag")
        assert found[0] == "nodes[1].type"
        assert found[2] == 'node "tag": subtype "tag_contact" is an action, not "condition"; make its type "action"'

    def test_what_could_not_be_read_gives_no_second_problem(self) -> None:
        broken = [{**WEEK, "config": 5}, {"ref": "bad", "type": "action", "subtype": 5}]
        found = errors([OPEN, *broken], "open>week week>bad bad>week")
        assert [path for path, _, _ in found] == ["nodes[1].config", "nodes[2].subtype"]

    def test_a_bad_config_names_node_key_and_value(self) -> None:
        (found,) = errors([OPEN, with_config(WEEK, delaySeconds="soon")], "open>week")
        assert found[:2] == ("nodes[1].config.delaySeconds", "week")
        for word in ('"week"', "delaySeconds", "soon"):
            assert word in found[2]

    def test_every_problem_of_a_config_is_told(self) -> None:
        found = errors([OPEN, with_config(TAG, tagg="vip", contactIdField=5)], "open>tag")
        assert {path for path, _, _ in found} == {
            "nodes[1].config.tag",
            "nodes[1].config.tagg",
            "nodes[1].config.contactIdField",
        }

    def test_an_unknown_template_root_is_an_error(self) -> None:
        (found,) = errors([OPEN, with_config(TAG, tag="{{ evnt.campaignId }}")], "open>tag")
        assert found[:2] == ("nodes[1].config.tag", "tag")
        assert "evnt" in found[2]

    def test_a_template_stands_for_any_value(self) -> None:
        assert check([OPEN, with_config(WEEK, delaySeconds="{{ event.seconds }}")], "open>week").is_valid

    @pytest.mark.parametrize(
        ("options", "path", "words"),
        [
            ({"awaitResult": "yes"}, "awaitResult", "must be true or false"),
            ({"timeoutSeconds": 0}, "timeoutSeconds", "must be more than 0"),
            ({"retry": {"maxAttempts": 0}}, "retry.maxAttempts", "must be at least 1"),
            ({"retry": {"attempts": 2}}, "retry.attempts", 'unknown key "attempts"'),
            ({"retry": {"factor": 0.5}}, "retry.factor", "must be at least 1"),
            ({"retry": {"maxSeconds": -1}}, "retry.maxSeconds", "must be at least 0"),
            ({"join": "some"}, "join", 'is "some"; use any, all'),
            ({"join": ["all"]}, "join", "is an array; use any, all"),
            ({"joins": "all"}, "joins", 'unknown key "joins", did you mean join?'),
        ],
    )
    def test_options_are_known_or_refused_by_name(self, options: Any, path: str, words: str) -> None:
        (found,) = errors([OPEN, {**TAG, "options": options}], "open>tag")
        assert found[:2] == (f"nodes[1].options.{path}", "tag")
        assert words in found[2]

    def test_a_wait_for_an_answer_longer_than_a_year_is_a_warning(self) -> None:
        node = {**TAG, "options": {"awaitResult": True, "timeoutSeconds": 400 * 86_400}}
        (warning,) = check([OPEN, node], "open>tag").warnings
        assert (warning.path, warning.node_id) == ("nodes[1].options.timeoutSeconds", "tag")
        assert "more than a year" in warning.message

    def test_a_wait_longer_than_a_year_is_a_warning(self) -> None:
        found = check([OPEN, with_config(WEEK, delaySeconds=370 * 86400)], "open>week")
        assert found.is_valid
        assert [warning.node_id for warning in found.warnings] == ["week"]
        assert "year" in found.warnings[0].message


class TestSettings:
    @pytest.mark.parametrize(
        ("settings", "path", "words"),
        [
            ([], "", "is an array, not an object"),
            ({"goal": {}}, ".goal.event", "is missing"),
            ({"goal": 5}, ".goal", "not an object"),
            ({"goal": {"event": {"type": "email_open"}, "within": 5}}, ".goal.within", "did you mean withinSeconds?"),
            (
                {"goal": {"event": {"type": "email_open"}, "withinSeconds": -5}},
                ".goal.withinSeconds",
                "must be at least 0",
            ),
            ({"goal": {"event": {"type": "campaign_created"}}}, ".goal.event.type", "is about a campaign"),
            (
                {"goal": {"event": {"type": "email_open", "match": {"x": "{{ nope }}"}}}},
                ".goal.event.match.x",
                "nope",
            ),
            ({"exitWhen": {}}, ".exitWhen", "not a list of rules"),
            ({"exitWhen": [{}] * 51}, ".exitWhen", "50 is the most"),
            ({"exitWhen": ["reply"]}, ".exitWhen[0]", "not an object"),
            ({"exitWhen": [{}]}, ".exitWhen[0]", "either an event or a condition"),
            ({"exitWhen": [{"evnt": {}, "event": {"type": "email_open"}}]}, ".exitWhen[0].evnt", "did you mean event?"),
            ({"exitWhen": [{"event": {"type": "opened"}}]}, ".exitWhen[0].event.type", "no system publishes it"),
            ({"exitWhen": [{"event": {}}]}, ".exitWhen[0].event.type", "is missing"),
            (
                {"exitWhen": [{"event": {"type": "release_approaching"}}]},
                ".exitWhen[0].event.type",
                "is about a release",
            ),
            (
                {"exitWhen": [{"event": {"type": "email_reply", "match": {"x": "{{ nope }}"}}}]},
                ".exitWhen[0].event.match.x",
                "nope",
            ),
            ({"exitWhen": [{"condition": {"subtype": "if_tag"}}]}, ".exitWhen[0].condition.subtype", "did you mean"),
            ({"exitWhen": [{"condition": {"subtype": "ab_split"}}]}, ".exitWhen[0].condition.subtype", "use one of"),
            (
                {"exitWhen": [{"condition": {"subtype": "if_tag_present", "config": {"tag": "x", "tg": 1}}}]},
                ".exitWhen[0].condition.config.tg",
                "unknown key",
            ),
            ({"entri": {}}, ".entri", "did you mean entry?"),
            ({"entry": "once"}, ".entry", 'is "once", not an object'),
            ({"entry": {"rule": "twice"}}, ".entry.rule", 'is "twice"; use every_event, once, after_exit'),
            ({"entry": {"x": float("inf")}}, "", "JSON does not have"),
        ],
    )
    def test_are_known_or_refused_by_name(self, settings: Any, path: str, words: str) -> None:
        (found,) = errors([OPEN], settings=settings)
        assert found[0] == f"flow.settings{path}"
        assert words in found[2]


class TestWiring:
    def test_an_edge_to_a_missing_node_is_an_error(self) -> None:
        (found,) = errors([OPEN], "open>ghost")
        assert '"ghost"' in found[2]

    @pytest.mark.parametrize(
        ("edge", "subtype"),
        [("open>tag:true", "email_open"), ("tag>note:out", "tag_contact"), ("vip>tag:maybe", "if_tag_present")],
    )
    def test_a_label_its_node_does_not_have_is_an_error(self, edge: str, subtype: str) -> None:
        label = edge.partition(":")[2]
        found = errors([OPEN, VIP, TAG, NOTE], f"open>vip vip>tag tag>note {edge}")
        assert [path for path, _, _ in found] == ["edges[3].conditionLabel"]
        assert f'conditionLabel "{label}" is no outcome of node' in found[0][2]
        assert f"({subtype})" in found[0][2]

    def test_every_node_may_have_an_error_edge(self) -> None:
        found = check([OPEN, VIP, TAG, NOTE], "open>vip vip>tag open>note:error vip>note:error tag>note:error")
        assert found.is_valid

    def test_a_cycle_without_a_wait_is_an_error_that_shows_it(self) -> None:
        (found,) = errors([OPEN, VIP, TAG], "open>vip vip>tag:false tag>vip")
        assert found[:2] == ("nodes[1]", "vip")
        assert found[2] == 'cycle without a wait: "vip" → "tag" → "vip"; put a delay into it, or remove an edge'

    def test_one_wait_does_not_excuse_a_cycle_beside_it(self) -> None:
        found = errors([OPEN, WEEK, VIP, TAG], "open>week week>vip vip>week:true vip>tag:false tag>vip")
        assert [node for _, node, _ in found] == ["vip"]

    def test_a_node_that_leads_to_itself_needs_a_wait_too(self) -> None:
        assert check([OPEN, WEEK], "open>week week>week").is_valid
        (found,) = errors([OPEN, TAG], "open>tag tag>tag")
        assert '"tag" → "tag"' in found[2]

    def test_a_send_with_a_delay_is_a_wait(self) -> None:
        send = {"subject": "{{ contact.name }}", "body": "b", "fromEmail": "a@example.com"}
        node = {"ref": "send", "type": "action", "subtype": "send_email_campaign"}
        assert check([OPEN, {**node, "config": {**send, "delay": 3600}}], "open>send send>send").is_valid
        assert not check([OPEN, {**node, "config": send}], "open>send send>send").is_valid

    def test_a_wait_that_cannot_be_read_gives_no_second_problem(self) -> None:
        send = {"subject": "s", "body": "b", "fromEmail": "a@example.com", "delay": "soon"}
        node = {"ref": "send", "type": "action", "subtype": "send_email_campaign", "config": send}
        assert [path for path, _, _ in errors([OPEN, node], "open>send send>send")] == ["nodes[1].config.delay"]

    def test_a_long_cycle_is_shown_short(self) -> None:
        nodes = [OPEN, *({**TAG, "ref": f"n{i}"} for i in range(20))]
        round_trip = " ".join(f"n{i}>n{(i + 1) % 20}" for i in range(20))
        (found,) = errors(nodes, f"open>n0 {round_trip}")
        assert '"n6" → 13 more → "n0"' in found[2]

    def test_join_all_inside_a_cycle_is_an_error(self) -> None:
        node = {**WEEK, "options": {"join": "all"}}
        (found,) = errors([OPEN, node, TAG], "open>week week>tag tag>week")
        assert found[:2] == ("nodes[1].options.join", "week")

    def test_a_node_nothing_leads_to_is_a_warning(self) -> None:
        found = check([OPEN, TAG])
        assert found.is_valid
        assert [(one.path, one.node_id) for one in found.warnings] == [("nodes[1]", "tag")]
        assert 'node "tag" is not reachable' in found.warnings[0].message

    def test_an_outcome_nothing_follows_is_a_warning(self) -> None:
        assert check([OPEN, VIP, TAG], "open>vip vip>tag").warnings == ()
        found = check([OPEN, VIP, TAG], "open>vip vip>tag:true")
        assert [one.message for one in found.warnings] == [
            'node "vip": nothing follows its outcome "false"; the branch ends there'
        ]


def test_all_problems_come_at_once() -> None:
    nodes = [
        OPEN,
        with_config(WEEK, delaySeconds=-1),
        {**TAG, "options": {"retry": 5}},
        {**NOTE, "subtype": "nothing"},
    ]
    found = errors(nodes, "open>week week>tag:true tag>ghost", settings={"goal": {}}, trigger_type="manual")
    assert [path for path, _, _ in found] == [
        "edges[2].targetNodeId",
        "nodes[1].config.delaySeconds",
        "nodes[2].options.retry",
        "nodes[3].subtype",
        "edges[1].conditionLabel",
        "flow.settings.goal.event",
        "flow.triggerType",
    ]
