"""Driving executions."""

import datetime as dt
import uuid

from django.db.models import Q, QuerySet

from audit.selectors.entries import EntryView
from core import clock, tasks
from core.literals import Literal
from playbooks_app.choices import ExecutionStatus
from playbooks_app.engine import times
from playbooks_app.models import Execution
from playbooks_app.services import lapsing, leases, lost, runner
from playbooks_app.services.executions import ADVANCE

MOST = 50
HANDED_OUT = dt.timedelta(seconds=10)


def advance(*, execution_id: str) -> bool:
    """Drive one execution until it has to wait."""
    return runner.advance(uuid.UUID(execution_id))


def apply_decision(*, entry: EntryView) -> None:
    """Let an execution see what people decided; also one that has ended, whose queued simulation was approved."""
    execution_id = entry.ref("execution")
    if execution_id:
        runner.advance(uuid.UUID(execution_id))


def take_up_again(*, entry: EntryView) -> None:
    """Have driven again what was given up; somebody sent its dead letter."""
    lost.take_up_again(execution_id=uuid.UUID(entry.subject_id), now=clock.now())


def due(*, now: dt.datetime) -> QuerySet[Execution]:
    """Return the executions that a worker has to look at. No arm of the condition covers one that has ended and rests."""
    unseen = Q(status=Literal(ExecutionStatus.EXECUTING), lease_owner=Literal(""), wake_at__isnull=True)
    # That was noted before a clock was set back: whoever drives it counts anew what lies too far ahead.
    misdated = Q(wake_at__isnull=False, wake_noted_at__gt=now + times.SKEW)
    rows: QuerySet[Execution] = Execution.objects.filter(Q(wake_at__lte=now) | unseen | misdated, given_up_at=None)
    return rows


def sweep_executions() -> int:
    """Have driven what is due: its time has come, somebody asked while it was driven, or its worker stopped.

    Return how many. One that cannot be driven waits for its next turn, and keeps no other waiting.
    """
    now = clock.now()
    lapsing.end(now=now)
    rows = due(now=now)
    ids = list(rows.order_by("wake_at").values_list("pk", flat=True)[:MOST])
    # Until then nobody hands it out again; what a broker loses is found after it.
    rows.filter(pk__in=ids).update(**leases.look(now + HANDED_OUT, now=now))
    return tasks.spread(ADVANCE, [{"execution_id": str(execution_id)} for execution_id in ids])
