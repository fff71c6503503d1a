"""Who is kept out of a flow to see what it does: the setting `holdout`, of a flow and of a user or workspace.

Whether somebody is held out depends on the salt and the subject alone: a higher percentage holds out those of before
and more, and nobody changes sides over restarts, replays and versions.
"""

from __future__ import annotations

from pydantic import Field

from engine.chance import fraction
from engine.setting_models import Setting
from engine.types import Subject


class Holdout(Setting):
    """The setting `holdout`: how many of a hundred, and what makes this choice of people another than others."""

    percent: float = Field(default=0, ge=0, le=100, allow_inf_nan=False)
    salt: str = Field(default="", max_length=200)


def is_held_out(holdout: Holdout | None, subject: Subject, own_salt: str) -> bool:
    """Whether a subject is held out.

    Args:
        holdout: the setting; None holds out nobody.
        subject: who would enter.
        own_salt: stands in for an empty salt: the flow's id, or whose limits these are.
    """
    if holdout is None or not holdout.percent:
        return False
    return fraction("holdout", holdout.salt or own_salt, subject.type, subject.id) * 100 < holdout.percent
