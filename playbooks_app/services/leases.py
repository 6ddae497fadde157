"""Which worker drives an execution. A worker commits only while the fence number is the one it was given."""

import dataclasses
import datetime as dt
import os
import platform
import uuid

from django.db.models import F, Q

from core import ids
from playbooks_app.models import Execution

LENGTH = dt.timedelta(seconds=60)


class LostLease(Exception):
    """Another worker has taken this execution over; what this one was about to write is dropped."""


@dataclasses.dataclass(frozen=True, slots=True)
class Lease:
    """The right to drive one execution."""

    execution_id: uuid.UUID
    owner: str
    fence: int
    taken_over: bool


def owner() -> str:
    """Return a name for this drive that no other has."""
    return f"{platform.node()[:40]}:{os.getpid()}:{ids.new().hex[-12:]}"


def acquire(execution_id: uuid.UUID, *, owner: str, now: dt.datetime) -> Lease | None:
    """Return a lease where none stands; None where another worker drives, who is told to look once more."""
    before = Execution.objects.filter(pk=execution_id).values_list("lease_owner", flat=True).first()
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    mine = Execution.objects.filter(free, pk=execution_id, lease_owner=before or "").update(
        lease_owner=owner, lease_until=now + LENGTH, fence=F("fence") + 1, wake_at=None
    )
    if not mine:
        Execution.objects.filter(pk=execution_id).update(wake_at=now)
        return None
    fence = Execution.objects.values_list("fence", flat=True).get(pk=execution_id)
    return Lease(execution_id, owner, fence, taken_over=bool(before))


def hold(lease: Lease, *, now: dt.datetime) -> None:
    """Renew the lease in the transaction that is about to commit; raises LostLease where it is no longer held."""
    mine = Execution.objects.filter(pk=lease.execution_id, lease_owner=lease.owner, fence=lease.fence)
    if not mine.update(lease_until=now + LENGTH):
        raise LostLease(LostLease.__doc__)


def release(lease: Lease, *, wake_at: dt.datetime | None) -> None:
    """Give the execution back; it is looked at again at `wake_at`, or sooner where somebody asked meanwhile."""
    mine = Execution.objects.filter(pk=lease.execution_id, lease_owner=lease.owner, fence=lease.fence)
    if wake_at is not None:
        mine.filter(wake_at__isnull=True).update(wake_at=wake_at)
    mine.update(lease_owner="", lease_until=None)
