"""Stories for the comparison: flows of any shape, and what happens to them, drawn by few draws each."""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import strategies as st

from engine.nodes.registry import node_types
from engine.reading import build_graph
from engine.validation import validate_graph

Flow = dict[str, Any]
Story = dict[str, Any]
MAIL = {"subject": "s", "body": "Hi {{ contact.name }}!", "fromEmail": "a@example.com"}
TRIGGERS: list[tuple[str, dict[str, Any]]] = [
    *[("email_open", {})] * 8, ("email_open", {"campaignId": "k1"}),
    ("email_open", {"allCampaigns": False}), ("email_click", {"urlContains": "spotify", "campaignIds": ["k1", "k2"]}),
    ("email_reply", {"requiredKeywords": ["love", "PLAY"]}), ("segment_updated", {"segmentId": "warm"}),
    ("segment_updated", {"action": "remove"}), ("contact_added", {"requiredTags": ["vip"]}),
    ("campaign_status_changed", {"newStatus": "live"}), ("campaign_created", {"genre": "house"}),
    ("release_approaching", {"daysUntilRelease": 7}), ("asset_uploaded", {}), ("manual_trigger", {}),
]  # fmt: skip
PARTS: list[tuple[str, dict[str, Any]]] = [
    ("delay", {"delaySeconds": 0}), *[("delay", {"delaySeconds": 30}), ("delay", {"delaySeconds": 60})] * 4,
    ("delay", {"delaySeconds": 86_400}), ("delay", {"delaySeconds": "{{ event.n }}"}),
    ("delay", {"untilField": "event.when"}), ("delay", {"until": "2026-09-22T00:00:00Z"}),
    ("send_email_campaign", MAIL), ("send_email_campaign", {**MAIL, "toSegmentId": "warm"}),
    ("send_email_campaign", {**MAIL, "toContactIds": ["c1", "c2", "c3"]}),
    ("send_email_campaign", {**MAIL, "delay": 30}),
    ("schedule_followup", {"subject": "s", "body": "b", "fromEmail": "a@example.com", "delayDays": 3}),
    ("update_segment", {"segmentId": "warm", "action": "add"}), ("tag_contact", {"tag": "vip"}),
    ("create_release_task", {"title": "{{ event.n }}.", "dueDateDays": 2}), ("notify_user", {"message": "m"}),
    ("update_cmg_node", {"outcome": "won"}), ("log_event", {"message": "m", "data": {"n": "{{ event.n }}"}}),
    ("log_event", {"message": "m", "data": {"was": "{{ previousNode.output.result }}"}}),
    ("if_field_match", {"field": "event.n", "operator": "greater_than", "value": 1}),
    ("if_field_match", {"field": "event.replied", "operator": "equals", "value": False}),
    ("if_field_match", {"field": "previousNode.output.result", "operator": "equals", "value": "true"}),
    ("if_field_match", {"field": "steps.n1.output", "operator": "exists"}),
    ("if_field_match", {"field": "event.tags", "operator": "contains", "value": "vip"}),
    ("if_field_match", {"field": "event.n", "operator": "in", "value": [1, "x", None]}),
    ("if_field_match", {"field": "steps.n2.output.data.n", "operator": "not_equals", "value": 1}),
    ("if_segment_contains", {"segmentId": "warm"}), ("if_tag_present", {"tag": "vip"}),
    ("if_metric_greater", {"metric": "openRate", "threshold": 0}),
    ("if_metric_greater", {"metric": "plays", "threshold": 3}),
    ("if_metric_greater", {"metric": "openCount", "threshold": 1, "scope": "contact"}),
    ("if_time_elapsed", {"timestampField": "engagement.lastOpenedAt", "elapsedSeconds": 3_600}),
    ("if_time_elapsed", {"timestampField": "trigger.timestamp", "elapsedSeconds": 30}),
    ("if_campaign_status", {"expectedStatus": "live"}),
]  # fmt: skip
TEXTS: list[dict[str, Any]] = [{}, {"n": 1}, {"n": 2.5}, {"n": "x"}, {"n": 40, "tags": ["vip"]}, {"n": None},
                               {"when": "2026-09-23"}, {"when": "soon", "replied": True}, {"n": -1}]  # fmt: skip
OF_CONTACT: list[tuple[str, dict[str, Any]]] = [
    ("email_open", {}), ("email_open", {}), ("email_click", {"linkUrl": "https://spotify.com/x"}),
    ("email_reply", {"replyText": "I LOVE it"}), ("contact_added", {"name": "Ada", "tags": ["vip", "dj"]}),
    ("contact_added", {"name": "Bob"}), ("segment_updated", {"segmentId": "warm", "action": "add"}),
    ("segment_updated", {"segmentId": "warm", "action": "remove"}), ("contact_tagged", {"tag": "vip"}),
    ("contact_untagged", {"tag": "vip"}), ("campaign_status_changed", {"newStatus": "live"}),
]  # fmt: skip
OF_OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("campaign_created", {"campaignId": "k1", "genre": "house", "status": "draft"}),
    ("campaign_status_changed", {"campaignId": "k1", "oldStatus": "draft", "newStatus": "live"}),
    ("campaign_metrics_updated", {"campaignId": "k1", "metrics": {"openRate": 0.5, "plays": 4}}),
    ("release_approaching", {"releaseId": "r1", "daysUntilRelease": 7}), ("asset_uploaded", {"assetId": "a1"}),
    ("release_approaching", {"releaseId": "r1", "daysUntilRelease": 7, "campaignId": "k1"}), ("unheard_of", {}),
    ("email_open", {"campaignId": "k1"}),
]  # fmt: skip
METADATA: list[dict[str, Any]] = [{"userId": "user_001"}] * 12 + [
    {"userId": "user_001", "depth": 11}, {"userId": "user_001", "depth": 10, "releaseId": "r2"}, {"userId": "u2"}, {},
]  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    *(
        {"type": kind, "source": "tap", "payload": {"contactId": contact, **campaign, **payload, **text}}
        for (kind, payload), contact, campaign, text in product(
            OF_CONTACT, ["c1", "c1", "c2"], [{"campaignId": "k1"}, {"campaignId": "k2"}, {}], TEXTS
        )
    ),
    *(
        {"type": kind, "source": "tap", "payload": {**payload, **text}}
        for (kind, payload), text in product(OF_OTHERS * 3, TEXTS)
    ),
    *({"type": "email_open", "source": "tap", "payload": {"contactId": "c1", "campaignId": "k1"}, "timestamp": at}
      for at in ("2026-09-20T00:00:00Z", "2026-09-21T02:00:00+02:00")),
]  # fmt: skip
LABELS: dict[str, list[str | None]] = {
    "trigger": [None], "action": [None, None, None, "error"], "condition": [None, "true", "true", "false", "error"],
}  # fmt: skip
MOST = 7
NUMBERS = st.tuples(st.integers(0, MOST), st.integers(1, MOST), st.integers(0, 59))
LIMITS: list[dict[str, int]] = [
    {}, {}, {"maxActionsPerExecution": 3}, {"maxExternalWrites": 2}, {"maxContactActions": 4},
    {"maxActionsPerExecution": 6, "maxExternalWrites": 4, "maxContactActions": 5},
]  # fmt: skip


@st.composite
def drawn_flows(draw: st.DrawFn, flow_id: str, version: int) -> Flow:
    """A valid flow: what is not valid about a drawing is taken out of it."""
    parts = draw(st.lists(st.sampled_from(PARTS), min_size=2, max_size=MOST))
    trigger, joins = draw(st.sampled_from(TRIGGERS)), draw(st.sampled_from([0, 4, 8, 16, 32, 64, 24, 40, 255]))
    ways = draw(st.lists(NUMBERS, min_size=len(parts) + 2, max_size=len(parts) + 6))
    nodes = [{"id": "t", "ref": "t", "type": "trigger", "subtype": trigger[0], "config": trigger[1], "options": {}}]
    for place, (subtype, config) in enumerate(parts, 1):
        nodes.append({
            "id": f"n{place}", "ref": f"n{place}", "type": node_types()[subtype].kind, "subtype": subtype,
            "config": config, "options": {"join": "all"} if joins >> place & 1 else {},
        })  # fmt: skip
    pairs: list[tuple[int, int, int]] = []
    for place, (source, target, more) in enumerate(ways, 1):
        is_extra = place > len(parts)
        at = target % len(parts) + 1 if is_extra else place
        pairs.append((source % (len(parts) + 1 if is_extra else place), at, more))
    if draw(st.booleans()):
        pairs = [pair for pair in pairs if pair[0] < pair[1]]
    pairs.sort(key=lambda pair: pair[2] // 5)
    for repair in range(3):
        if repair == 1:
            nodes = [{**node, "options": {}} for node in nodes]
        if repair == 2:
            pairs = [pair for pair in pairs if pair[0] < pair[1]]
        edges = [_edge(nodes, place, pair) for place, pair in enumerate(pairs)]
        if validate_graph(build_graph(nodes, edges)).is_valid:
            break
    return {"flowId": flow_id, "version": version, "name": flow_id, "userId": "user_001", "nodes": nodes,
            "edges": edges}  # fmt: skip


def _edge(nodes: list[dict[str, Any]], place: int, pair: tuple[int, int, int]) -> dict[str, Any]:
    source, target, more = pair
    labels = LABELS[str(nodes[source]["type"])]
    return {"id": f"e{place}", "sourceNodeId": nodes[source]["id"], "targetNodeId": nodes[target]["id"],
            "conditionLabel": labels[more % len(labels)]}  # fmt: skip


SENT = st.tuples(st.just("send"), st.integers(0, len(EVENTS) * len(METADATA) - 1))
STARTED = st.tuples(st.just("send"), st.sampled_from([
    number for number in range(len(EVENTS) * len(METADATA))
    if EVENTS[number // len(METADATA)]["type"] == "email_open" and number % len(METADATA) == 0
]))  # fmt: skip
LATER = st.lists(
    SENT | SENT | STARTED | STARTED
    | st.tuples(st.just("advance"), st.sampled_from([0.5, 29, 31, 60, 4_000, 86_400, 700_000]))
    | st.tuples(st.sampled_from(["repeat", "trigger", "publish", "archive"]), st.integers(0, 9)),
    min_size=2, max_size=11,
)  # fmt: skip
INPUTS = st.tuples(STARTED, LATER).map(lambda drawn: [drawn[0], *drawn[1]])
STORIES = st.fixed_dictionaries({
    "flows": st.tuples(drawn_flows("f1", 1), drawn_flows("f2", 1)) | st.tuples(drawn_flows("f1", 1)),
    "newer": st.none() | drawn_flows("f1", 2),
    "limits": st.sampled_from(LIMITS),
    "scale": st.sampled_from([1.0, 1.0, 1.0, 10.0]),
    "late": st.sampled_from([0, 0, 0, 30_000, 90_000]),
    "inputs": INPUTS,
})  # fmt: skip


def event_of(number: int, place: int) -> dict[str, Any]:
    """The event of a number, as the `place`-th input."""
    metadata = METADATA[number % len(METADATA)]
    return {"id": f"e{place}", **EVENTS[number // len(METADATA)], "metadata": metadata}
