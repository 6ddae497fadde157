"""Who changed configuration, and why: what the history rows of this app are told."""

import datetime as dt
from typing import Any

from accounts.models import User
from core.actors import Actor


def person(actor: Actor) -> User | None:
    """Return the user behind `actor`; the system has none."""
    return User.objects.filter(pk=actor.user_id).first() if actor.user_id else None


def save(row: Any, *, actor: Actor, now: dt.datetime, reason: str) -> None:
    """Save a row that keeps history, with the person, the time and the reason."""
    row._history_user = person(actor)
    row._history_date = now
    row._change_reason = reason[:100]
    row.save()
