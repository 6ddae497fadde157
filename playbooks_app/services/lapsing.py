"""Ends leases that are renewed no more, so that other workers take over.

A lease has lapsed when it was seen to stay the same for its whole length, by the monotonic clock of the one process that
watches. What any clock says that can be set, here or on the owner's machine, has no part in it.
"""

import datetime as dt
import time
import uuid
from typing import Any

from django.db.models import QuerySet

from core.literals import Literal
from playbooks_app.models import Execution
from playbooks_app.services import leases

#: What shows that a lease was renewed, or is another.
SEEN = ("lease_owner", "fence", "lease_until")

#: Each lease that is held, as it was seen last, and since when it looks like that.
_seen: dict[uuid.UUID, tuple[tuple[Any, ...], float]] = {}


def end(*, now: dt.datetime) -> int:
    """Look at the leases that are held, and end those that have lapsed; return how many. Called over and over."""
    began = time.monotonic()
    rows = list(held().values_list("pk", *SEEN))
    seen_at = time.monotonic()
    found: dict[uuid.UUID, tuple[tuple[Any, ...], float]] = {}
    for execution_id, *values in rows:
        before = _seen.get(execution_id)
        found[execution_id] = before if before and before[0] == tuple(values) else (tuple(values), seen_at)
    _seen.clear()
    _seen.update(found)
    least = leases.LENGTH.total_seconds()
    return sum(_ended(execution_id, values, now) for execution_id, (values, since) in found.items() if began - since >= least)


def held() -> QuerySet[Execution]:
    """Return the executions of which somebody holds a lease."""
    rows: QuerySet[Execution] = Execution.objects.exclude(lease_owner=Literal("")).filter(lease_until__isnull=False)
    return rows


def _ended(execution_id: uuid.UUID, values: tuple[Any, ...], now: dt.datetime) -> int:
    """Leave the owner's name, which tells that one was lost; it may go on as long as nobody else has taken over."""
    rows = Execution.objects.filter(pk=execution_id, **dict(zip(SEEN, values, strict=True)))
    return int(rows.update(lease_until=None, **leases.look(now, now=now)))
