"""Which worker drives an execution. A worker commits only while the fence number is the one it was given.

No clock says here that a lease has run out, for clocks are set: `lapsing` ends those that are renewed no more.
"""

import dataclasses
import datetime as dt
import os
import platform
import time
import uuid

from core import ids, writes
from playbooks_app.models import Execution

LENGTH = dt.timedelta(seconds=30)


class LostLease(Exception):
    """Another worker has taken this execution over; what this one was about to write is dropped."""


class Stale(Exception):
    """Somebody changed this execution since the worker read it: it is read anew before anything is written."""


@dataclasses.dataclass(slots=True)
class Lease:
    """The right to drive one execution. `renewed` is a moment of the owner's monotonic clock."""

    execution_id: uuid.UUID
    owner: str
    fence: int
    taken_over: bool = False
    renewed: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def age(self) -> float:
        """Seconds since it was taken, or renewed last."""
        return time.monotonic() - self.renewed


def owner() -> str:
    """Return a name for this drive that no other has."""
    return f"{platform.node()[:40]}:{os.getpid()}:{ids.new().hex[-12:]}"


def acquire(execution: Execution, *, owner: str, now: dt.datetime) -> Lease | None:
    """Return a lease on an execution that was just read; None where it has changed since or another worker drives it."""
    if execution.lease_until is not None:
        return None
    taken_over = bool(execution.lease_owner)
    losses = execution.losses + taken_over
    read = {name: getattr(execution, name) for name in ("lease_owner", "lease_until", "fence", "wake_at", "given_up_at")}
    values = {"lease_owner": owner, "lease_until": now + LENGTH, "fence": execution.fence + 1, "wake_at": None, "losses": losses}
    guard = writes.Guard(Execution, {"id": execution.pk, **read}, values)
    # A lease that a crash of the database undid is noticed by the next commit.
    if execution.given_up_at is not None or not writes.write([guard], [], durable=False):
        return None
    lease = Lease(execution.pk, owner, execution.fence + 1, taken_over)
    execution.losses = losses
    execution.lease_owner, execution.lease_until, execution.fence, execution.wake_at = owner, now + LENGTH, lease.fence, None
    return lease


def wake(execution_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Let whoever drives an execution, or else the sweep, look at it again."""
    Execution.objects.filter(pk=execution_id).update(**look(now, now=now))


def look(at: dt.datetime | None, *, now: dt.datetime) -> dict[str, dt.datetime]:
    """Return the columns that say when an execution is looked at again, and when that was noted; never by itself without `at`."""
    return {} if at is None else {"wake_at": at, "wake_noted_at": now}


def hold(lease: Lease, *, now: dt.datetime) -> None:
    """Renew the lease in the transaction that is about to commit; raises LostLease or Stale."""
    lease.renewed = time.monotonic()
    if not held(lease).filter(wake_at__isnull=True).update(lease_until=now + LENGTH):
        refuse(lease)


def refuse(lease: Lease) -> None:
    """Say why a commit found nothing to change: raises LostLease or Stale."""
    if held(lease).exists():
        raise Stale(Stale.__doc__)
    raise LostLease(LostLease.__doc__)


def renew(lease: Lease, *, now: dt.datetime) -> bool:
    """Lengthen the lease while a call is under way; return whether it is still held."""
    lease.renewed = time.monotonic()
    return bool(held(lease).update(lease_until=now + LENGTH))


def seen(lease: Lease, *, now: dt.datetime) -> None:
    """Take note of what others changed, before it is read anew; raises LostLease."""
    lease.renewed = time.monotonic()
    if not held(lease).update(wake_at=None, lease_until=now + LENGTH):
        raise LostLease(LostLease.__doc__)


def release(lease: Lease, *, wake_at: dt.datetime | None, now: dt.datetime, survived: bool = True) -> bool:
    """Give the execution back until `wake_at`; return False where somebody changed it, and it has to be read anew.

    Whoever `survived` has come past the place at which workers before it were lost.
    """
    rows, losses = held(lease).filter(wake_at__isnull=True), {"losses": 0} if survived else {}
    return bool(rows.update(lease_owner="", lease_until=None, **losses, **look(wake_at, now=now))) or not held(lease).exists()


def give_up(lease: Lease, *, wake_at: dt.datetime, now: dt.datetime) -> None:
    """Give the execution back after an error."""
    held(lease).update(lease_owner="", lease_until=None, **look(wake_at, now=now))


def held(lease: Lease):  # type: ignore[no-untyped-def]
    """Return the execution's row as long as the lease is held."""
    return Execution.objects.filter(pk=lease.execution_id, lease_owner=lease.owner, fence=lease.fence)
