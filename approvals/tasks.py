"""What a worker does for approvals."""

import uuid

from approvals.services import notices, requests
from audit.selectors.entries import EntryView
from core import clock, tasks
from core.actors import system


def expire_due() -> int:
    """Let requests whose time has run out follow their time-out rule; return how many."""
    return requests.expire_due(actor=system("clock"), now=clock.now())


def tell_deciders(*, entry: EntryView) -> None:
    """Tell those who may decide a new request, as each of them wants to be told."""
    if notices.plan(request_id=uuid.UUID(entry.subject_id), now=clock.now()):
        tasks.enqueue("approvals.tasks.send_notices")


def send_notices() -> int:
    """Send the notices that are due; return how many were sent."""
    return notices.send_due(now=clock.now())
