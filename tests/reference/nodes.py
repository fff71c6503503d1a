"""What each node type does, said again."""

from __future__ import annotations

from typing import Any

from tests.reference.chance import arm
from tests.reference.reading import Look
from tests.reference.values import MISSING, compare, is_number, read, same, written

CENTURY = 100 * 365.25 * 86_400
DAY = 86_400_000


class StepFailedError(Exception):
    """The step failed; the field it looked in, where it looked for an id."""


def trigger_of(flow: dict[str, Any]) -> dict[str, Any]:
    """The trigger of a version of a flow."""
    trigger: dict[str, Any] = next(node for node in flow["nodes"] if node["type"] == "trigger")
    return trigger


def days_of(flow: dict[str, Any]) -> int | None:
    """How many days before a release it starts; None where it counts no days."""
    trigger = trigger_of(flow)
    days: int | None = trigger["config"].get("daysUntilRelease")
    return days if trigger["subtype"] == "release_approaching" else None


def starts(flow: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether an event starts a version of a flow."""
    trigger = trigger_of(flow)
    subtype, config, payload = trigger["subtype"], trigger["config"], event["payload"]
    if subtype != event["type"]:
        return False
    if subtype in {"email_open", "email_click", "email_reply"}:
        named = [*config.get("campaignIds", []), *([config["campaignId"]] if "campaignId" in config else [])]
        if named and payload.get("campaignId") not in named:
            return False
        if not named and config.get("allCampaigns") is False:
            return False
        if "requiredKeywords" in config:
            text = str(payload.get("replyText", "")).lower()
            return any(word.lower() in text for word in config["requiredKeywords"])
        return "urlContains" not in config or config["urlContains"] in str(payload.get("linkUrl", ""))
    if subtype == "contact_added" and "requiredTags" in config:
        return all(tag in (payload.get("tags") or []) for tag in config["requiredTags"])
    return subtype not in {"manual_trigger", "schedule"} and all(
        same(payload.get(key), value) for key, value in config.items()
    )


def decide(subtype: str, config: dict[str, Any], look: Look, world: dict[str, Any]) -> str:
    """The outcome of a condition."""
    if subtype == "if_field_match":
        answer = compare(config["operator"], look(config["field"]), config.get("value"))
    elif subtype == "if_time_elapsed":
        since = read(look(config["timestampField"]))
        answer = since is not None and world["now"] - since >= config["elapsedSeconds"] * 1000 / world["scale"]
    elif subtype == "if_campaign_status":
        status = world["history"].status(text(look("event.campaignId")))
        answer = status is not None and status == config["expectedStatus"]
    elif subtype == "if_metric_greater":
        if config.get("scope") == "contact":
            contact = world["subject"][1] if world["subject"][0] == "contact" else None
            value = world["history"].engagement(contact, None).get(config["metric"])
        else:
            value = world["history"].metric(text(look("event.campaignId")), config["metric"])
        if value is None:
            raise StepFailedError
        answer = value > config["threshold"]
    elif subtype == "ab_split":
        return arm(world["subject"], config.get("salt") or world["node"], config["variants"])
    else:
        contact = look("event.contactId")
        answer = False
        if world["subject"] == ("contact", contact):
            known = world["history"].contact(contact)
            if subtype == "if_segment_contains":
                answer = config["segmentId"] in known["segments"]
            else:
                tags = [*known["tags"], *(look("event.tags") or [] if look("event.tags") is not MISSING else [])]
                answer = config["tag"] in tags or config["tag"] in world["tags"]
    return "true" if answer else "false"


def pause(subtype: str, config: dict[str, Any], look: Look) -> dict[str, Any] | None:
    """What an action waits for first: seconds, or a time; None where it does not wait."""
    if subtype == "send_email_campaign" and config.get("delay"):
        return {"seconds": config["delay"]}
    if subtype != "delay":
        return None
    if "delaySeconds" in config:
        seconds = config["delaySeconds"]
        if not is_number(seconds) or not 0 <= seconds <= CENTURY:
            raise StepFailedError
        return {"seconds": seconds}
    until = read(config["until"] if "until" in config else look(config["untilField"]))
    if until is None:
        raise StepFailedError(config.get("untilField"))
    return {"until": until}


def command(subtype: str, config: dict[str, Any], look: Look, world: dict[str, Any]) -> dict[str, Any] | None:
    """The payload of an action's command, and how many contacts it addresses; None where there is no command."""
    now = world["now"]
    contacts = 0
    payload: dict[str, Any]
    if subtype in {"log_event", "delay", "run_flow"}:
        return None
    if subtype == "send_email_campaign":
        payload = {key: config[key] for key in ("subject", "body", "fromEmail", "toSegmentId", "toContactIds")
                   if key in config}  # fmt: skip
        if "toSegmentId" not in config and "toContactIds" not in config:
            payload["toContactIds"] = [needed(look, "event.contactId")]
        contacts = len(payload.get("toContactIds", [1]))
    elif subtype == "schedule_followup":
        contact = needed(look, "event.contactId")
        payload = {key: config[key] for key in ("subject", "body", "fromEmail")}
        payload |= {"scheduleAt": written(now + config["delayDays"] * DAY), "toContactIds": [contact]}
        if campaign := text(look("event.campaignId")):
            payload["originalCampaignId"] = campaign
        return {"type": subtype, "payload": payload, "contacts": 1, "lead": round(config["delayDays"] * DAY)}
    elif subtype == "update_segment":
        payload = {"contactId": needed(look, "event.contactId"), "segmentId": config["segmentId"],
                   "action": config["action"]}  # fmt: skip
        contacts = 1
    elif subtype == "tag_contact":
        payload = {"contactId": needed(look, "event.contactId"), "tag": config["tag"]}
        contacts = 1
    elif subtype == "create_release_task":
        release = text(look("event.releaseId")) or text(look("metadata.releaseId")) or needed(look, "event.releaseId")
        payload = {"releaseId": release, "title": config["title"],
                   "dueDate": written(now + config["dueDateDays"] * DAY)}  # fmt: skip
    elif subtype == "notify_user":
        payload = {"userId": world["user"], "message": config["message"], "notificationType": "info"}
    elif subtype == "update_cmg_node":
        payload = {"outcome": config["outcome"], "logType": "success", "campaignId": needed(look, "event.campaignId")}
        if with_contact := text(look("event.contactId")):
            payload["contactId"] = with_contact
    else:
        raise AssertionError(subtype)
    return {"type": subtype, "payload": payload, "contacts": contacts}


def needed(look: Look, path: str) -> str:
    """An id that must be there."""
    found = text(look(path))
    if found is None:
        raise StepFailedError(path)
    return found


def text(found: Any) -> str | None:
    return found if isinstance(found, str) and found else None
