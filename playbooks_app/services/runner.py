"""The one loop that drives executions: ask the engine, do what it says, commit, ask again.

No transaction spans a call. Before a call its intent is committed, after it its result; a result commits together with
the intent that follows from it, so a chain of n reads costs n + 1 commits.
"""

import datetime as dt
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from audit.choices import Kind
from core import clock, tasks, tracing, turns
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepStatus
from playbooks_app.engine import decide, model
from playbooks_app.models import Execution
from playbooks_app.selectors import snapshots
from playbooks_app.services import (
    approved,
    asking,
    calling,
    children,
    ending,
    executions,
    keeping,
    late,
    leases,
    looping,
    lost,
    planning,
    undoing,
    waiting,
)
from playbooks_app.services.drive import Drive
from playbooks_app.services.flights import Flight, Flights
from playbooks_app.services.leases import Lease, LostLease, Stale

log = structlog.get_logger(__name__)

LONGEST_DRIVE = 20.0
BEFORE = (ExecutionStatus.IDLE, ExecutionStatus.PLANNING)
RESTING = (
    ExecutionStatus.AWAITING_APPROVAL,
    ExecutionStatus.AWAITING_INPUT,
    ExecutionStatus.WAITING,
    ExecutionStatus.PAUSED,
)
#: What an execution does without being under way again.
AT_REST = (model.AskToEnd, model.CancelRest, model.RollBack, model.Finish, model.Redate, model.RedateEnd)
STOPPED_PAUSE = dt.timedelta(seconds=5)
BROKEN_PAUSE = dt.timedelta(seconds=30)
TRIES = 3

Handler = Callable[[Drive, Any], Flight | None]

HANDLERS: Mapping[type[model.Command], Handler] = {
    model.Call: calling.call,
    model.CallItem: calling.call_item,
    model.CallApproved: approved.call_approved,
    model.Recover: calling.recover,
    model.Undo: undoing.undo,
    model.Ask: asking.ask,
    model.Simulate: asking.simulate,
    model.Expand: looping.expand,
    model.Gather: looping.gather,
    model.StartChild: children.start,
    model.EndChild: children.end,
    model.AskToEnd: children.ask,
    model.AwaitPerson: waiting.await_person,
    model.AwaitTime: waiting.await_time,
    model.Redate: waiting.redate,
    model.RedateEnd: waiting.redate_end,
    model.Complete: waiting.complete,
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

    Safe to call at any time, twice, and from several workers: one drives, and the others let it know that there is news.
    """
    with turns.taken():
        return _advanced(execution_id)


def _advanced(execution_id: uuid.UUID) -> bool:
    taken = _taken(execution_id)
    if taken is None:
        return False
    execution, lease = taken
    if lost.keeps_away(execution, lease):
        return False
    drive = Drive(execution, lease)
    flights = Flights(drive)
    bound = structlog.contextvars.bound_contextvars(
        execution=str(execution_id), tenant=execution.tenant.slug,
        playbook=str(execution.version), techniques=execution.version.techniques,
    )  # fmt: skip
    with tracing.trace(execution.trace_id), bound, keeping.kept(lease):
        try:
            _drive(drive, flights)
        except LostLease:
            _lost(drive, flights)
            return False
        except Exception:
            # Whatever went wrong, the execution is not held until its lease runs out, nor driven again at once.
            flights.abandon()
            now = clock.now()
            leases.give_up(lease, wake_at=now + BROKEN_PAUSE, now=now)
            raise
    return True


def _taken(execution_id: uuid.UUID) -> tuple[Execution, Lease] | None:
    """Return an execution with the lease on it; where another worker drives, tell it that there is news."""
    owner = leases.owner()
    for _ in range(TRIES):
        now = clock.now()
        execution = snapshots.read(execution_id)
        if execution.given_up_at is not None:
            return None
        lease = leases.acquire(execution, owner=owner, now=now)
        if lease is not None:
            return execution, lease
        if execution.lease_until is not None:
            if execution.wake_at is not None:
                # Whoever drives has been told already, and reads it anew after this was read.
                return None
            break
    leases.wake(execution_id, now=clock.now())
    return None


def _drive(drive: Drive, flights: Flights) -> None:
    until = time.monotonic() + LONGEST_DRIVE
    if drive.lease.taken_over:
        drive.note(Kind.EXECUTION_TAKEN_OVER, clock.now(), fence=drive.lease.fence)
    resting = False
    while not resting:
        try:
            if time.monotonic() > until or tasks.ending():
                resting = _end_slice(drive, flights)
            elif drive.execution.status in BEFORE and not {"cancel", "rollback"} & set(drive.execution.control):
                planning.plan(drive)
            else:
                resting = _once(drive, flights)
        except Stale:
            drive.read_anew()


def _once(drive: Drive, flights: Flights) -> bool:
    """Do what the engine says once; return whether the execution rests."""
    if drive.batch.urgent:
        drive.commit()
    now = clock.now()
    started: list[Flight] = []
    for command in decide(drive.state(now), model.Wake(now)):
        if isinstance(command, model.Rest):
            return _rest(drive, flights, command, now)
        if drive.execution.status in RESTING and not isinstance(command, AT_REST):
            drive.set_status(ExecutionStatus.EXECUTING, now)
        flight = HANDLERS[type(command)](drive, command)
        if flight is not None:
            started.append(flight)
    if started:
        drive.commit()
        flights.start(started)
    elif flights:
        drive.commit()
        flights.land()
    return False


def _rest(drive: Drive, flights: Flights, command: model.Rest, now: dt.datetime) -> bool:
    if flights:
        drive.commit()
        flights.land()
        return False
    execution = drive.execution
    if execution.status not in FINAL_EXECUTION and execution.status != command.status:
        drive.set_status(command.status, now)
    return _released(drive, _wake_at(drive, command, now))


def _wake_at(drive: Drive, command: model.Rest, now: dt.datetime) -> dt.datetime | None:
    """Return when an execution is looked at again; one that an emergency stop holds back, soon."""
    state = drive.state(now)
    approved_ = any(run.approval == "approved" for _, run in state.runs())
    held = drive.execution.status == ExecutionStatus.ROLLING_BACK or any(run.status is StepStatus.BLOCKED for _, run in state.runs())
    if state.stopped and (approved_ or held):
        return now + STOPPED_PAUSE
    return command.wake_at


def _end_slice(drive: Drive, flights: Flights) -> bool:
    """Let others have the worker: calls in flight come back first, and a worker goes on with it at once."""
    if flights:
        drive.commit()
        flights.land()
        return False
    if not _released(drive, clock.now()):
        return False
    tasks.enqueue(executions.ADVANCE, execution_id=str(drive.execution.pk))
    return True


def _released(drive: Drive, wake_at: dt.datetime | None) -> bool:
    if not drive.release(wake_at):
        raise Stale(Stale.__doc__)
    return True


def _lost(drive: Drive, flights: Flights) -> None:
    """Another worker drives; what came back here, or comes yet, is recorded as late."""
    log.warning("lease_lost", execution=str(drive.lease.execution_id), owner=drive.lease.owner)
    flights.abandon()
    for call, outcome in drive.answers:
        late.note(call, outcome)
