"""Condition: a metric is greater than a threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from engine.context import Context
from engine.facts import DAY_MS, DAYS_KEPT
from engine.nodes.base import ConditionType, Config, Failed
from engine.nodes.fields import FieldPath, Number, Text
from engine.nodes.lookups import CAMPAIGN_FIELD, optional_id
from engine.problems import one_of
from engine.types import Json

CAMPAIGN_METRICS: Final = frozenset({
    "openRate", "clickRate", "replyRate", "totalSent", "totalOpened", "totalClicked", "totalReplied",
})  # fmt: skip
"""What the tracker reports of every campaign (contract.md section 2); it may report others."""

CONTACT_METRICS: Final[Mapping[str, str]] = {
    "totalOpened": "openCount", "totalClicked": "clickCount", "totalReplied": "replyCount",
    "openCount": "openCount", "clickCount": "clickCount", "replyCount": "replyCount",
}  # fmt: skip
"""What the engine counts of each contact, by the tracker's words and by those of `engagement`."""

_UNKNOWN: Final = "unknown_metric"


class IfMetricGreater(Config):
    """Which metric of whom, and the threshold."""

    metric: Text = Field(description="The name of the metric, such as openRate or totalReplied.")
    threshold: Number = Field(description="The metric must be greater than this.")
    campaign_id_field: FieldPath = Field(default=CAMPAIGN_FIELD, description="Where the campaign's id is.")
    scope: Literal["campaign", "contact"] = Field(
        default="campaign",
        description="campaign: what the tracker reported of the campaign. contact: what this contact did, over all "
        "campaigns, as the engine counted it.",
    )
    window_days: Annotated[int, Field(ge=1, le=DAYS_KEPT)] | None = Field(
        default=None, description="For the contact: only the last days, today (UTC) included."
    )

    @classmethod
    def conflict(cls, given: Mapping[str, Json]) -> str | None:
        """Say which key does not go with the scope."""
        scope = given.get("scope", "campaign")
        if scope == "campaign" and given.get("window_days") is not None:
            return "windowDays goes with scope contact; the tracker's metrics are totals"
        if scope == "contact" and "campaign_id_field" in given:
            return "campaignIdField goes with scope campaign; a contact is counted over all campaigns"
        return None


def decide(config: IfMetricGreater, context: Context) -> str | Failed:
    """Compare the metric with the threshold; one that is known and was never reported is 0."""
    value = _of_contact(config, context) if config.scope == "contact" else _of_campaign(config, context)
    if isinstance(value, Failed):
        return value
    context.note_seen(f"{config.scope}.{config.metric}", value)
    return "true" if value > config.threshold else "false"


def _of_campaign(config: IfMetricGreater, context: Context) -> float | Failed:
    campaign_id = optional_id(context, config.campaign_id_field)
    metrics = context.facts.campaign(campaign_id)["metrics"] if campaign_id else {}
    if config.metric not in metrics and config.metric not in CAMPAIGN_METRICS:
        return _unknown(config.metric, {*CAMPAIGN_METRICS, *metrics})
    value: float = metrics.get(config.metric, 0)
    return value


def _of_contact(config: IfMetricGreater, context: Context) -> float | Failed:
    name = CONTACT_METRICS.get(config.metric)
    if name is None:
        return _unknown(config.metric, set(CONTACT_METRICS))
    today = context.now_ms // DAY_MS
    since = today - config.window_days + 1 if config.window_days else 0
    contact = context.subject.id if context.subject.type == "contact" else ""
    return (
        context.facts.counts(contact, since)[name]
        if config.window_days
        else context.facts.engagement(contact, None)[name]
    )


def _unknown(metric: str, known: set[str]) -> Failed:
    return Failed(_UNKNOWN, f"nobody reports the metric {metric!r}; known are {one_of(known)}", "metric", metric)


NODE: Final = ConditionType(
    name="if_metric_greater",
    label="If a metric is greater",
    help="Asks whether a metric of the campaign, or of the contact, is greater than a threshold. A name that nobody "
    "reports fails the step.",
    config=IfMetricGreater,
    example={"metric": "openRate", "threshold": 0.25},
    decide=decide,
    errors={_UNKNOWN: "Nobody reports a metric of this name."},
)
