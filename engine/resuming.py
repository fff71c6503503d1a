"""What becomes of a match that a pause of its flow has held: the setting `onResume` (product.md section 1, `pause`)."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from engine.setting_models import Setting

MAX_AGE_SECONDS: Final = 100 * 366 * 86_400


class OnResume(Setting):
    """The setting `onResume`: whether what a pause held is taken again, and up to which age."""

    mode: Literal["process", "skip"] = "process"
    max_age_seconds: float | None = Field(
        default=None, alias="maxAgeSeconds", ge=0, le=MAX_AGE_SECONDS, allow_inf_nan=False
    )


def is_skipped(setting: OnResume | None, held_at_ms: int, now_ms: int, time_scale: float) -> bool:
    """Whether a match that was held then is not to start anything now."""
    if setting is None:
        return False
    if setting.mode == "skip":
        return True
    oldest = setting.max_age_seconds
    return oldest is not None and now_ms - held_at_ms > oldest * 1000 / time_scale
