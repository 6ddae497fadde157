"""Executions whose worker is lost time and again: something in them kills the process that drives them.

The first that is lost is taken over at once, as after a deploy. Later ones are taken up at a moment of their own, so that
those that were merely lost with it, in the same process, get by. After MOST in a row at the same place, the execution is given
up: nobody drives it, and a dead letter says why, until somebody sends that. To wait for a call that was lost, or to make it anew,
is not to come past its place.
"""

import datetime as dt
import random
import uuid

import structlog
from django.db import transaction

from audit import journal
from audit.choices import Kind
from audit.services import dead_letters
from core import clock
from core.plurals import counted
from playbooks_app.choices import ExecutionStatus, StepStatus
from playbooks_app.engine import states
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import executions, journaling, leases
from playbooks_app.services.leases import Lease

log = structlog.get_logger(__name__)

MOST = 5
WAITS_FOR = "somebody who mends what kills the worker, and sends the dead letter again"


def keeps_away(execution: Execution, lease: Lease) -> bool:
    """Give the lease back where the execution should not be driven now, or not any more; return whether that is so."""
    if not lease.taken_over or execution.losses < 2:
        return False
    now = clock.now()
    if execution.losses >= MOST:
        _give_up(execution, lease, now)
    else:
        _set_apart(execution, lease, now)
    return True


def take_up_again(*, execution_id: uuid.UUID, now: dt.datetime) -> None:
    """Have an execution driven again that was given up; one that was not, or that has ended, is left alone."""
    with transaction.atomic():
        execution = executions.locked(execution_id)
        if execution.given_up_at is None:
            return
        execution.given_up_at, execution.losses = None, 0
        execution.save(update_fields=["given_up_at", "losses"])
        _where(execution).filter(waiting_for=WAITS_FOR).update(waiting_for="")
        journaling.of_execution(execution, Kind.EXECUTION_TAKEN_UP, now=now)
        executions.woken(execution, now)


def _give_up(execution: Execution, lease: Lease, now: dt.datetime) -> None:
    at = list(_where(execution).values_list("step_id", flat=True))
    values = {"given_up_at": now, "lease_owner": "", "lease_until": None, "wake_at": None}
    if ExecutionStatus.AWAITING_INPUT in states.EXECUTION[ExecutionStatus(execution.status)]:
        values["status"] = execution.status = ExecutionStatus.AWAITING_INPUT
    with transaction.atomic():
        if not leases.held(lease).update(**values):
            return
        _where(execution).update(waiting_for=WAITS_FOR)
        fact = journaling.execution_fact(
            execution, Kind.EXECUTION_GIVEN_UP, now=now, status=execution.status, losses=execution.losses, steps=at
        )
        (entry_id,) = journal.append_all([fact])
        dead_letters.keep(entry_id=entry_id, handler=executions.TAKE_UP_AGAIN, error=_words(execution, at), now=now)
    log.error("execution_given_up", execution=str(execution.pk), losses=execution.losses, steps=at)


def _set_apart(execution: Execution, lease: Lease, now: dt.datetime) -> None:
    with transaction.atomic():
        journaling.of_execution(execution, Kind.EXECUTION_TAKEN_OVER, now=now, fence=lease.fence, losses=execution.losses)
        leases.give_up(lease, wake_at=now + leases.LENGTH * random.random(), now=now)  # noqa: S311


def _where(execution: Execution):  # type: ignore[no-untyped-def]
    """Return the steps whose calls were under way when the worker was lost."""
    return StepRun.objects.filter(execution=execution, status=StepStatus.IN_PROGRESS, call_id__isnull=False)


def _words(execution: Execution, at: list[str]) -> str:
    place = f"at {', '.join(at)}" if at else f"while it was {execution.status.replace('_', ' ')}"
    return (
        f"The worker of this execution of {execution.version.playbook.slug} was lost {counted(execution.losses, 'time')} in a row {place}: "
        "something there kills the process, such as a crash or too little memory. Nobody drives the execution until this is "
        "sent again: mend the cause first."
    )
