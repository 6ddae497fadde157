"""What gave up is sent again when its cause is mended, or dropped with a reason. Both are journaled."""

import contextlib
import datetime as dt
import uuid
from collections.abc import Collection

from django.db import transaction

from audit import journal
from audit.choices import Kind
from audit.journal.append import DELIVER
from audit.models import Delivery
from audit.selectors import deliveries
from core import tasks
from core.actors import Actor
from core.errors import Invalid, NotFound

#: At once; whoever sends all of them asks again for the rest.
MOST = 500


class NoSuchDeadLetter(NotFound):
    """There is no such dead letter, or not for you: it may have been sent again meanwhile."""


class ReasonNeeded(Invalid):
    """Dropping a dead letter needs a reason: what it was to do is then never done."""

    code = "reason_needed"


def keep(*, entry_id: uuid.UUID, handler: str, error: str, now: dt.datetime) -> None:
    """Keep a dead letter in the caller's transaction, for work that is given up: `handler` gets the entry when it is sent."""
    Delivery.objects.create(entry_id=entry_id, handler=handler, attempts=1, next_at=now, dead_at=now, error=error[:2000])


def send(*, delivery_id: uuid.UUID, tenant_ids: Collection[uuid.UUID] | None = None, actor: Actor, now: dt.datetime) -> None:
    """Give a dead letter its attempts back, and have it delivered; raises NoSuchDeadLetter. `tenant_ids` bounds whose it may be."""
    with transaction.atomic():
        row = _locked(delivery_id, tenant_ids)
        Delivery.objects.filter(id=row.id).update(dead_at=None, attempts=0, next_at=now, error="")
        _journal(Kind.DELIVERY_SENT, row, actor, now, "")
        tasks.enqueue(DELIVER, queue_of=row.handler, delivery_id=str(row.id))


def send_all(*, tenant_ids: Collection[uuid.UUID] | None = None, actor: Actor, now: dt.datetime) -> int:
    """Send every dead letter again, oldest first; return how many. Those beyond MOST stay for the next time."""
    found = list(deliveries.dead_letters(tenant_ids).order_by("dead_at").values_list("id", flat=True)[:MOST])
    sent = 0
    for delivery_id in found:
        # One that somebody else has sent meanwhile keeps no other from it.
        with contextlib.suppress(NoSuchDeadLetter):
            send(delivery_id=delivery_id, tenant_ids=tenant_ids, actor=actor, now=now)
            sent += 1
    return sent


def drop(
    *, delivery_id: uuid.UUID, reason: str, tenant_ids: Collection[uuid.UUID] | None = None, actor: Actor, now: dt.datetime
) -> None:
    """Forget a dead letter for good; raises ReasonNeeded, NoSuchDeadLetter."""
    if not reason.strip():
        raise ReasonNeeded(ReasonNeeded.__doc__)
    with transaction.atomic():
        row = _locked(delivery_id, tenant_ids)
        _journal(Kind.DELIVERY_DROPPED, row, actor, now, reason)
        Delivery.objects.filter(id=row.id).delete()


def drop_all(*, stream: str, handler: str, reason: str, actor: Actor, now: dt.datetime) -> None:
    """Forget, in the caller's transaction, the dead letters of a stream for `handler`: there is nothing left for it to do."""
    for row in deliveries.dead_letters().filter(entry__stream=stream, handler=handler):
        drop(delivery_id=row.id, reason=reason, actor=actor, now=now)


def _locked(delivery_id: uuid.UUID, tenant_ids: Collection[uuid.UUID] | None) -> Delivery:
    row = deliveries.dead_letters(tenant_ids).select_for_update(of=("self",)).filter(id=delivery_id).first()
    if row is None:
        raise NoSuchDeadLetter(NoSuchDeadLetter.__doc__)
    return row


def _journal(kind: Kind, row: Delivery, actor: Actor, now: dt.datetime, reason: str) -> None:
    tenant_id = row.entry.tenant_id if row.entry else None
    journal.append(
        stream=f"tenant:{tenant_id}" if tenant_id else "deployment", kind=kind, actor=actor, now=now, subject=("delivery", row.id),
        tenant_id=tenant_id, refs=[("entry", row.entry_id)] if row.entry_id else [],
        data={"task": row.handler, "attempts": row.attempts, **({"reason": reason[:500]} if reason else {})},
    )  # fmt: skip
