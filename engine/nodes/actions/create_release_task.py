"""Action: put a task on a release."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.context import Context
from engine.nodes.base import ActionType, Config, Done, Failed, Order
from engine.nodes.fields import Days, FieldPath, Text
from engine.nodes.lookups import MISSING_ID, RELEASE_FIELD, in_days, required_id, set_only

COMMAND: Final = "create_release_task"


class CreateReleaseTask(Config):
    """What is to be done, by when, for which release."""

    title: Text = Field(description="What is to be done.")
    description: str | None = Field(default=None, description="More about it.")
    due_date_days: Days | None = Field(default=None, description="In how many days it is due; leave out for no date.")
    release_id_field: FieldPath = Field(
        default=RELEASE_FIELD, description="Where the release's id is; by default in the event, else in its metadata."
    )


def act(config: CreateReleaseTask, context: Context) -> Done | Failed:
    """Make the command."""
    release: str | Failed | None = context.release_id if config.release_id_field == RELEASE_FIELD else None
    release = release or required_id(context, config.release_id_field, "release")
    if isinstance(release, Failed):
        return release
    payload = set_only(
        releaseId=release,
        title=config.title,
        description=config.description,
        dueDate=None if config.due_date_days is None else in_days(context, config.due_date_days),
    )
    return Done(orders=(Order(COMMAND, payload),))


NODE: Final = ActionType(
    name="create_release_task",
    label="Create a release task",
    help="Puts a task on the release in the release planner.",
    config=CreateReleaseTask,
    example={"title": "Pitch {{ event.releaseName }} to playlists", "dueDateDays": 4},
    act=act,
    command=COMMAND,
    errors={MISSING_ID: "There is no release where it looks for one."},
)
