"""Deliver entries to the tasks that they wake: at least once, in their own time, and never silently given up."""

import datetime as dt
import uuid
from collections.abc import Sequence

import structlog
from django.db import transaction
from django.utils.module_loading import import_string

from audit.models import Delivery
from audit.selectors import entries
from core import redaction, tracing

log = structlog.get_logger(__name__)

ATTEMPTS = 12
#: A worker that was killed holds its delivery no longer than this; handlers are safe to run twice.
HOLD = dt.timedelta(seconds=25)
GRACE = dt.timedelta(seconds=5)


def deliver(*, delivery_id: uuid.UUID, now: dt.datetime) -> bool:
    """Run one delivery's handler and forget the delivery; return whether it was ours to run and succeeded.

    A handler that fails is tried again later, and after the last attempt kept as a dead letter.
    """
    mine = Delivery.objects.filter(id=delivery_id, dead_at=None, next_at__lte=now).update(next_at=now + HOLD)
    if not mine:
        # Another worker claimed it, it was delivered, or it is not due yet.
        return False
    row = Delivery.objects.select_related("entry").get(id=delivery_id)
    with tracing.trace(row.entry.trace_id):
        try:
            import_string(row.handler)(entry=entries.view(row.entry))
        except Exception as error:
            # Handlers are the isolation point between apps: whatever one raises is kept with the delivery.
            log.exception("delivery_failed", handler=row.handler, entry=str(row.entry_id))
            _failed(row, error, now)
            return False
    Delivery.objects.filter(id=delivery_id).delete()
    return True


def deliver_all(*, streams: Sequence[str], now: dt.datetime) -> int:
    """Deliver here what entries of these streams still have to wake, for whoever works without a worker; return how many."""
    rows = Delivery.objects.filter(entry__stream__in=streams, dead_at=None, next_at__lte=now).order_by("id")
    return sum(deliver(delivery_id=delivery_id, now=now) for delivery_id in rows.values_list("id", flat=True))


def due(*, now: dt.datetime, limit: int = 200) -> dict[str, list[uuid.UUID]]:
    """Return the deliveries that should have run by now, longest overdue first, by their handlers."""
    rows = Delivery.objects.filter(dead_at=None, next_at__lte=now - GRACE).order_by("next_at")
    found: dict[str, list[uuid.UUID]] = {}
    for delivery_id, handler in rows.values_list("id", "handler")[:limit]:
        found.setdefault(handler, []).append(delivery_id)
    return found


def resend(*, delivery_id: uuid.UUID, now: dt.datetime) -> bool:
    """Give a dead letter its attempts back; return whether there was such a one."""
    changed = Delivery.objects.filter(id=delivery_id, dead_at__isnull=False).update(
        dead_at=None, attempts=0, next_at=now, error=""
    )
    return bool(changed)


def _failed(row: Delivery, error: Exception, now: dt.datetime) -> None:
    attempts = row.attempts + 1
    pause = dt.timedelta(seconds=min(2**attempts, 300))
    with transaction.atomic():
        Delivery.objects.filter(id=row.id).update(
            attempts=attempts,
            next_at=now + pause,
            error=redaction.text(f"{type(error).__name__}: {error}")[:2000],
            dead_at=now if attempts >= ATTEMPTS else None,
        )
