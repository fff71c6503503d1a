"""Small flows for tests of the store, as files and as parts."""

from __future__ import annotations

from typing import Any

from engine.files import FlowFile, read_flow_file

OPENED: dict[str, Any] = {"ref": "opened", "type": "trigger", "subtype": "email_open", "config": {"allCampaigns": True}}
TAG: dict[str, Any] = {"ref": "tag", "type": "action", "subtype": "tag_contact", "config": {"tag": "warm"}}
WEEK: dict[str, Any] = {"ref": "week", "type": "action", "subtype": "delay", "config": {"delaySeconds": 604800}}


def document(name: str = "Tag openers", *, tag: str = "warm", **flow: Any) -> dict[str, Any]:
    """Return a flow file that tags whoever opens."""
    return {
        "flow": {"name": name, "userId": "user_001", **flow},
        "nodes": [OPENED, {**TAG, "config": {"tag": tag}}],
        "edges": [{"sourceNodeId": "opened", "targetNodeId": "tag"}],
    }


def flow_file(name: str = "Tag openers", *, tag: str = "warm", **flow: Any) -> FlowFile:
    read = read_flow_file(document(name, tag=tag, **flow))
    assert read.file is not None, read.validation
    return read.file
