"""What a worker does for approvals."""

import uuid

from approvals.choices import Occasion
from approvals.selectors import queue
from approvals.services import notices, requests, waiting
from audit.selectors.entries import EntryView
from core import clock, tasks
from core.actors import system


def expire_due() -> int:
    """Let requests whose time has run out follow their time-out rule; return how many."""
    # Those that are found were asked before it is looked how long was waited, so that none loses a moment.
    asked = list(queue.uncounted())
    actor, waited, now = system("clock"), waiting.look(), clock.now()
    requests.begin_counting(asked=asked, actor=actor, now=now, waited=waited)
    if not waiting.is_in_step(now=now, waited=waited) and not requests.redate_all(actor=actor, now=now, waited=waited):
        waiting.is_now_in_step(now=now, waited=waited)
    return requests.expire_due(actor=actor, now=now, waited=waited)


def escalate_due() -> int:
    """Give back what somebody claimed and left, and escalate what nobody has taken up in half of its time; return how many."""
    actor, now = system("clock"), clock.now()
    requests.unclaim_lapsed(actor=actor, now=now)
    return requests.escalate_due(actor=actor, now=now)


def tell_deciders(*, entry: EntryView) -> None:
    """Tell those who may decide a new request, as each of them wants to be told."""
    if notices.plan(request_id=uuid.UUID(entry.subject_id), now=clock.now()):
        tasks.enqueue("approvals.tasks.send_notices")


def tell_again(*, entry: EntryView) -> None:
    """Tell those who may decide once more, and leads, of a request that nobody has taken up."""
    if notices.plan(request_id=uuid.UUID(entry.subject_id), now=clock.now(), occasion=Occasion.ESCALATED):
        tasks.enqueue("approvals.tasks.send_notices")


def send_notices() -> int:
    """Send the notices that are due; return how many were sent."""
    return notices.send_due(now=clock.now())
