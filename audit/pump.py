"""Deliver entries to the tasks that they wake: at least once, in their own time, and never silently given up.

A task that failed beside the journal is kept here too, and tried again in the same way.
"""

import datetime as dt
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.module_loading import import_string

from audit.models import Delivery
from audit.selectors import entries
from core import canonical, clock, redaction, tasks, tracing, writes
from core.reads import Read

log = structlog.get_logger(__name__)

ATTEMPTS = 12
#: A worker that was killed holds its delivery no longer than this; handlers are safe to run twice.
HOLD = dt.timedelta(seconds=25)
GRACE = dt.timedelta(seconds=5)
#: What the clocks of several machines may differ by.
SKEW = dt.timedelta(seconds=5)
#: Failed tasks that are kept at most, so that whoever fills a queue with nonsense does not fill the database.
MOST_TASKS = 1000
#: A delivery that could not be looked at stands here already.
OWN = ("audit.tasks.deliver", "audit.tasks.deliver_several")
KILLED = "Whoever ran it was killed while doing so, each time."


def deliver(*, delivery_id: uuid.UUID, now: dt.datetime) -> bool:
    """Run one delivery's handler and forget the delivery; return whether it was ours to run and succeeded.

    A handler that fails is tried again later, and after the last attempt kept as a dead letter. An attempt counts when it
    begins, so that one that kills its worker each time ends as well.
    """
    row = _READ.first(delivery=delivery_id)
    if row is None or not _claimed(row, now):
        # Another worker claimed it, it was delivered, or it is not due yet.
        return False
    if row.attempts > ATTEMPTS:
        Delivery.objects.filter(id=row.id).update(attempts=ATTEMPTS, dead_at=now, error=row.error or KILLED)
        return False
    began = time.monotonic()
    with tracing.trace(row.entry.trace_id if row.entry else ""):
        try:
            _run(row)
        except Exception as error:
            # Handlers are the isolation point between apps: whatever one raises is kept with the delivery.
            log.exception("delivery_failed", handler=row.handler, entry=str(row.entry_id))
            # It may have taken longer than its pause is, which is to come after it.
            _failed(row, error, now + dt.timedelta(seconds=time.monotonic() - began))
            return False
    # Where a crash of the database brings it back, it is delivered again: handlers are safe to run twice.
    writes.write([], [writes.Delete([row])], durable=False)
    return True


_READ = Read(lambda delivery: Delivery.objects.select_related("entry").filter(pk=delivery))


def _claimed(row: Delivery, now: dt.datetime) -> bool:
    """Hold a delivery that was just read, and count the attempt; return whether it was due and nobody else was faster."""
    if row.dead_at is not None or now < row.next_at <= now + _farthest(row.attempts):
        return False
    read = {"id": row.pk, "attempts": row.attempts, "next_at": row.next_at, "dead_at": None}
    row.attempts, row.next_at = row.attempts + 1, now + HOLD
    values = {"attempts": row.attempts, "next_at": row.next_at}
    # Where a crash of the database undoes it, somebody else claims it.
    return writes.write([writes.Guard(Delivery, read, values)], [], durable=False)


def deliver_all(*, streams: Sequence[str], now: dt.datetime) -> int:
    """Deliver here what entries of these streams still have to wake, for whoever works without a worker; return how many."""
    rows = Delivery.objects.filter(entry__stream__in=streams, dead_at=None, next_at__lte=now).order_by("id")
    return sum(deliver(delivery_id=delivery_id, now=now) for delivery_id in rows.values_list("id", flat=True))


def due(*, now: dt.datetime, limit: int = 200) -> dict[str, list[uuid.UUID]]:
    """Return the deliveries that should have run by now, longest overdue first, by their handlers: at most `limit` of each."""
    rows = Delivery.objects.filter(_due_at(now - GRACE), dead_at=None).order_by("next_at")
    found: dict[str, list[uuid.UUID]] = {}
    for delivery_id, handler in (first := list(rows.values_list("id", "handler")[:limit])):
        found.setdefault(handler, []).append(delivery_id)
    if len(first) < limit:
        return found
    # A flood for one handler hides what others have to see.
    handlers = rows.order_by("handler").values_list("handler", flat=True).distinct()
    return {handler: list(rows.filter(handler=handler).values_list("id", flat=True)[:limit]) for handler in handlers}


def _due_at(now: dt.datetime) -> Q:
    """Return the condition that a delivery is due; one that stands further ahead than its pause was noted before a clock was set back."""
    misdated = Q(next_at__gt=now + _farthest(ATTEMPTS))
    for attempts in range(ATTEMPTS):
        misdated |= Q(attempts=attempts, next_at__gt=now + _farthest(attempts))
    return Q(next_at__lte=now) | misdated


def _farthest(attempts: int) -> dt.timedelta:
    """Return how far ahead a delivery can stand after so many attempts."""
    return max(HOLD, _pause(attempts)) + SKEW


def keep(path: str, arguments: Mapping[str, Any], error: Exception) -> None:
    """Keep a task that failed, so that it is tried again, and is a dead letter in the end; one that is kept stays as it is."""
    if path in OWN:
        return
    key = _key(path, arguments)
    if Delivery.objects.filter(key=key).exists() or Delivery.objects.filter(entry=None).count() >= MOST_TASKS:
        return
    now, known = clock.now(), _covered(path)
    row = Delivery(
        handler=path[:120], arguments=dict(arguments), key=key, attempts=1, next_at=now + _pause(1), error=_words(error),
        # No worker would run it, however often it is asked to.
        dead_at=None if known else now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        log.debug("failed_task_is_kept_already", task=path)


def forget(path: str, arguments: Mapping[str, Any]) -> None:
    """Forget a task that is kept because it failed, or was given up: what it was to do has been done since."""
    rows = Delivery.objects.filter(key=_key(path, arguments))
    # Where there is none, which is nearly always, nobody waits for a lock.
    if rows.exists():
        rows.delete()


def _key(path: str, arguments: Mapping[str, Any]) -> str:
    return canonical.digest({"path": path, "arguments": arguments})


def _run(row: Delivery) -> None:
    if row.entry is not None:
        import_string(row.handler)(entry=entries.view(row.entry))
        return
    # What stood in a queue may have been put there by anybody: only what workers run anyway is run from here.
    tasks.queue(row.handler)
    import_string(row.handler)(**(row.arguments or {}))


def _covered(path: str) -> bool:
    try:
        tasks.queue(path)
    except tasks.UnknownTask:
        return False
    return True


def _pause(attempts: int) -> dt.timedelta:
    return dt.timedelta(seconds=min(2**attempts, 300))


def _words(error: Exception) -> str:
    return redaction.text(f"{type(error).__name__}: {error}")[:2000]


def _failed(row: Delivery, error: Exception, now: dt.datetime) -> None:
    with transaction.atomic():
        Delivery.objects.filter(id=row.id).update(
            next_at=now + _pause(row.attempts), error=_words(error), dead_at=now if row.attempts >= ATTEMPTS else None
        )
