"""The one loop that drives executions: ask the engine, do what it says, commit, ask again.

No transaction spans a call. Before a call its intent is committed, after it its result; a result and the intent that
follows from it commit together when the next command is a call as well.
"""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from django.db import transaction

from audit.choices import Kind
from core import clock, tracing
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus
from playbooks_app.engine import decide, model, states
from playbooks_app.models import Execution, StepRun
from playbooks_app.selectors import snapshots
from playbooks_app.services import asking, calling, ending, journaling, leases, planning, waiting
from playbooks_app.services.leases import Lease, LostLease

log = structlog.get_logger(__name__)

LONGEST_DRIVE = 20.0
WAITING = (ExecutionStatus.AWAITING_APPROVAL, ExecutionStatus.AWAITING_INPUT, ExecutionStatus.WAITING)
ENDINGS = (model.CancelRest, model.RollBack, model.Finish)
STOPPED_PAUSE = dt.timedelta(seconds=5)

Handler = Callable[[Execution, Mapping[str, StepRun], Any, Lease], None]

HANDLERS: dict[type[model.Command], Handler] = {
    model.Call: calling.call,
    model.CallApproved: calling.call_approved,
    model.Recover: calling.recover,
    model.Undo: calling.undo,
    model.Ask: asking.ask,
    model.Simulate: asking.simulate,
    model.AwaitPerson: waiting.await_person,
    model.Choose: waiting.choose,
    model.Skip: waiting.skip,
    model.Fail: waiting.fail,
    model.Block: waiting.block,
    model.Unblock: waiting.unblock,
    model.CancelRest: ending.cancel_rest,
    model.RollBack: ending.roll_back,
    model.Finish: ending.finish,
}


def advance(execution_id: uuid.UUID) -> bool:
    """Drive an execution until it has to wait or has ended; return whether this worker did.

    Safe to call at any time, twice, and from several workers: one drives, the others leave a note to look again.
    """
    lease = leases.acquire(execution_id, owner=leases.owner(), now=clock.now())
    if lease is None:
        return False
    wake_at: dt.datetime | None = clock.now()
    try:
        wake_at = _drive(lease)
    except LostLease:
        log.warning("lease_lost", execution=str(execution_id), owner=lease.owner)
        return False
    finally:
        leases.release(lease, wake_at=wake_at)
    return True


def _drive(lease: Lease) -> dt.datetime | None:
    """Return when the execution has to be looked at again, if nothing happens before."""
    until = time.monotonic() + LONGEST_DRIVE
    first = True
    while time.monotonic() < until:
        execution, runs = _loaded(lease)
        with tracing.trace(execution.trace_id):
            if first and lease.taken_over:
                _note_takeover(execution, lease)
            first = False
            if execution.status in (ExecutionStatus.IDLE, ExecutionStatus.PLANNING):
                planning.plan(execution, lease)
                continue
            rest = _step(execution, runs, lease)
        if rest is not None:
            return rest.wake_at
    return clock.now()


def _step(execution: Execution, runs: list[StepRun], lease: Lease) -> model.Rest | None:
    """Do what the engine says once; return its Rest where it says to wait."""
    now = clock.now()
    state = snapshots.take(execution, runs, now)
    by_id = {run.step_id: run for run in runs}
    for command in decide(state, model.Wake(now)):
        if isinstance(command, model.Rest):
            return _rest(execution, command, state, lease, now)
        if execution.status in WAITING and not isinstance(command, ENDINGS):
            set_status(execution, ExecutionStatus.EXECUTING, lease, now)
        HANDLERS[type(command)](execution, by_id, command, lease)
    return None


def _rest(execution: Execution, command: model.Rest, state: model.State, lease: Lease, now: dt.datetime) -> model.Rest:
    if execution.status not in FINAL_EXECUTION and execution.status != command.status:
        set_status(execution, command.status, lease, now)
    approved = any(run.approval == "approved" for run in state.steps.values())
    if state.stopped and (approved or execution.status not in FINAL_EXECUTION):
        return model.Rest(command.status, now + STOPPED_PAUSE)
    return command


def set_status(execution: Execution, status: ExecutionStatus, lease: Lease, now: dt.datetime) -> None:
    """Move an execution to another status."""
    with transaction.atomic():
        leases.hold(lease, now=now)
        execution.status = states.execution(execution.status, status)
        execution.save(update_fields=["status"])
        journaling.of_execution(execution, Kind.EXECUTION_STATUS, now=now, status=status)


def _loaded(lease: Lease) -> tuple[Execution, list[StepRun]]:
    rows = Execution.objects.select_related("version__playbook", "tenant", "environment", "alert")
    execution = rows.get(pk=lease.execution_id)
    return execution, list(execution.steps.order_by("position", "id"))


def _note_takeover(execution: Execution, lease: Lease) -> None:
    with transaction.atomic():
        leases.hold(lease, now=clock.now())
        journaling.of_execution(execution, Kind.EXECUTION_TAKEN_OVER, now=clock.now(), fence=lease.fence)
