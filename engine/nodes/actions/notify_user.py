"""Action: tell the user something."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from engine.context import Context
from engine.nodes.base import ActionType, Config, Done, Failed, Order
from engine.nodes.fields import Text
from engine.nodes.lookups import MISSING_ID

COMMAND: Final = "notify_user"


class NotifyUser(Config):
    """What is said, and how."""

    message: Text = Field(description="What to tell the user whose flow this is.")
    notification_type: Literal["info", "success", "warning", "error"] = Field(
        default="info", description="How it is shown."
    )


def act(config: NotifyUser, context: Context) -> Done | Failed:
    """Make the command."""
    if not context.flow_user_id:
        return Failed(MISSING_ID, "no user: the flow has no userId, so there is nobody to tell", "flow.userId")
    payload = {
        "userId": context.flow_user_id,
        "message": config.message,
        "notificationType": config.notification_type,
    }
    return Done(orders=(Order(COMMAND, payload),))


NODE: Final = ActionType(
    name="notify_user",
    label="Notify me",
    help="Tells the user whose flow this is.",
    config=NotifyUser,
    example={"message": "{{ event.releaseName }} comes out tomorrow.", "notificationType": "info"},
    act=act,
    command=COMMAND,
    errors={MISSING_ID: "The flow has no user, so there is nobody to tell."},
)
