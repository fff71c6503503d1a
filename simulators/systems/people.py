"""What people do with a mail that reached them: open it, click in it, answer it, after the times people take."""

from __future__ import annotations

from dataclasses import dataclass

from engine.wire import rfc3339
from simulators.chance import Chance
from simulators.events import by_people
from simulators.values import Moment, Owner, Publication

SOURCE = "email_engine"
HOUR = 3600.0

# Medians. A third of all mails is opened the same evening, answers come the day after.
OPEN_SECONDS = 3 * HOUR
CLICK_SECONDS = 120.0
REPLY_SECONDS = 20 * HOUR
# Of one hundred people who opened a mail.
CLICK_SHARE = 0.35
REPLY_SHARE = 0.15
# Half of the interest is gone with every mail that came before: people, and what a loop of flows can do, tire.
FATIGUE = 0.5

LINKS = (
    "https://music.example.com/stream/new-single",
    "https://music.example.com/presave",
    "https://music.example.com/press-kit",
    "https://music.example.com/tour",
)
REPLIES = (
    "Love it, added to our playlist for Friday.",
    "Great track! It is on the playlist now, will report back.",
    "Thanks, we will play it on the show next week.",
    "Interested. Can you send the WAV and some artwork?",
    "Not for us this time, but keep me posted.",
    "Please remove me from your list.",
)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail in somebody's inbox."""

    id: str
    contact_id: str
    campaign_id: str | None
    owner: Owner
    sent_at_ms: int
    before: int
    """How many mails of automations this person had before."""
    luck: str
    """What the dice thrown for it are named by."""


def interest(chance: Chance, contact_id: str) -> float:
    """Return how likely this person opens a mail: from 0.2 to 0.8, a trait that stays."""
    return 0.2 + 0.6 * chance.unit("interest", contact_id)


def react(mail: Mail, chance: Chance, time_scale: float) -> tuple[Publication, ...]:
    """Return the open, click and reply that this mail leads to; nothing where it stays unread."""
    likely = interest(chance, mail.contact_id) * FATIGUE**mail.before
    if not chance.happens(likely, "open", mail.luck):
        return ()
    opened_ms = Moment(mail.sent_at_ms, time_scale).after(chance.seconds(OPEN_SECONDS, "open after", mail.luck))
    return (opens(mail, opened_ms), *after_open(mail, opened_ms, chance, time_scale))


def after_open(mail: Mail, opened_ms: int, chance: Chance, time_scale: float) -> tuple[Publication, ...]:
    """Return what the person does after it has opened the mail."""
    opened = Moment(opened_ms, time_scale)
    done: list[Publication] = []
    if chance.happens(CLICK_SHARE, "click", mail.luck):
        at_ms = opened.after(chance.seconds(CLICK_SECONDS, "click after", mail.luck))
        done.append(_deed("email_click", mail, at_ms, linkUrl=chance.pick(LINKS, "link", mail.luck), clickedAt=at_ms))
    if chance.happens(REPLY_SHARE, "reply", mail.luck):
        at_ms = opened.after(chance.seconds(REPLY_SECONDS, "reply after", mail.luck))
        done.append(
            _deed("email_reply", mail, at_ms, replyText=chance.pick(REPLIES, "text", mail.luck), repliedAt=at_ms)
        )
    return tuple(done)


def opens(mail: Mail, at_ms: int) -> Publication:
    """Return the open of a mail."""
    return _deed("email_open", mail, at_ms, openedAt=at_ms)


def _deed(kind: str, mail: Mail, at_ms: int, **more: str | int) -> Publication:
    payload = {
        "emailId": mail.id,
        "campaignId": mail.campaign_id,
        "contactId": mail.contact_id,
        **{key: rfc3339(value) if isinstance(value, int) else value for key, value in more.items()},
    }
    return by_people(kind, SOURCE, payload, mail.owner, at_ms=at_ms, words=(mail.id, mail.contact_id))
