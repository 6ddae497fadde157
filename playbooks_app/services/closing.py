"""People end executions: as done though steps are left, or because nobody needs them any more."""

import datetime as dt
import uuid
from typing import Any

from django.db import transaction

from adapters import calls, errors
from adapters.choices import Effect
from adapters.models import Call
from audit.choices import Kind
from audit.services import dead_letters
from core.actors import Actor
from core.errors import Conflict
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepStatus
from playbooks_app.engine import states
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import consent, executions, journaling, steps


def abandon(*, execution_id: uuid.UUID, reason: str, actor: Actor, now: dt.datetime) -> Execution:
    """End an execution that nobody needs any more, and those below it, without undoing anything, or anything more."""
    return _close(execution_id, ExecutionStatus.ABANDONED, reason, actor, now)


def complete(*, execution_id: uuid.UUID, reason: str, actor: Actor, now: dt.datetime) -> Execution:
    """End an execution as done, though steps are left, and undo nothing; what still runs below it is abandoned."""
    return _close(execution_id, ExecutionStatus.COMPLETED, reason, actor, now)


def _close(execution_id: uuid.UUID, status: ExecutionStatus, reason: str, actor: Actor, now: dt.datetime) -> Execution:
    with transaction.atomic():
        above = Execution.objects.filter(steps__children=execution_id).first()
        if above is not None:
            # From above to below, as everybody does who locks both.
            executions.locked(above.pk)
        execution = executions.locked(execution_id)
        if execution.status in FINAL_EXECUTION:
            raise executions.HasEnded(f"This execution is {execution.status.replace('_', ' ')} already.")
        _end(execution, status, reason, actor, now)
        executions.let_go_below(execution, actor, now)
        if above is not None:
            executions.woken(above, now)
    return execution


def _end(execution: Execution, status: ExecutionStatus, reason: str, actor: Actor, now: dt.datetime) -> None:
    """End an execution as a person says; those below it that are not at their end are abandoned with it."""
    under_way = list(execution.steps.filter(status=StepStatus.IN_PROGRESS, call_id__isnull=False))
    if under_way and execution.given_up_at is None:
        raise Conflict(f"A call of {execution.version.playbook.slug} is under way: wait for it, or cancel the execution.")
    try:
        execution.status = states.execution(execution.status, status)
    except states.IllegalTransition as error:
        raise Conflict(str(error)) from error
    why = f"the execution was {status}"
    # Whoever has asked for a cancel or an undo that did not come to it wants nothing of it to be run any more either.
    queued = status is ExecutionStatus.ABANDONED or bool({"cancel", "rollback"} & set(execution.control))
    for run in under_way:
        _leave_unknown(run, now)
    consent.close(consent.standing(execution, queued=queued), reason=reason or why, now=now)
    _cancel_rest(execution, why, now, queued=queued)
    # Nothing is undone of what is ended so, unless somebody asks for it after this.
    execution.control = _without_rollback(execution)
    undone = {run.step_id: run.status for run in execution.steps.filter(undo_of__isnull=False)}
    # Of what was being undone the outcome so far is kept, and what became of each undo.
    outcome = execution.result.get("outcome") if undone else status.value
    execution.completed_at, execution.result = now, {"outcome": outcome, "why": reason[:500], **({"undone": undone} if undone else {})}
    # Raising the fence keeps a worker that drives it at this moment from committing.
    execution.fence, execution.wake_at, execution.given_up_at, execution.losses = execution.fence + 1, None, None, 0
    execution.save(update_fields=["status", "control", "completed_at", "result", "fence", "wake_at", "given_up_at", "losses"])
    journaling.of_execution(execution, Kind.EXECUTION_FINISHED, now=now, actor=actor, status=status, reason=reason[:500])
    dead_letters.drop_all(stream=journaling.stream_of(execution), handler=executions.TAKE_UP_AGAIN, reason=why, actor=actor, now=now)
    _abandon_below(execution, f"the execution above was {status}", actor, now)
    if queued:
        consent.withdraw_below(execution, reason=why, now=now)


def _abandon_below(execution: Execution, reason: str, actor: Actor, now: dt.datetime) -> None:
    for child_id in list(Execution.objects.filter(parent_step__execution=execution).order_by("pk").values_list("pk", flat=True)):
        child = executions.locked(child_id)
        is_asked_to_undo = "above" in child.control.get("rollback", {})
        if child.status in FINAL_EXECUTION:
            if is_asked_to_undo and child.status != ExecutionStatus.ROLLED_BACK:
                _leave_done(child, reason, actor, now)
            _abandon_below(child, reason, actor, now)
        elif child.status != ExecutionStatus.ROLLING_BACK or is_asked_to_undo:
            # What is rolled back for somebody who asked for that goes on, and those below it.
            _end(child, ExecutionStatus.ABANDONED, reason, actor, now)


def _leave_done(child: Execution, reason: str, actor: Actor, now: dt.datetime) -> None:
    """Have an execution that has ended not undo what it did, which the one above has asked for and no worker has begun."""
    child.control = _without_rollback(child)
    child.save(update_fields=["control"])
    why = f"{reason}: nothing is undone"
    journaling.of_execution(child, Kind.EXECUTION_STATUS, now=now, actor=actor, status=child.status, why=why)
    executions.woken(child, now)


def _without_rollback(execution: Execution) -> dict[str, Any]:
    return {name: asked for name, asked in execution.control.items() if name != "rollback"}


def _cancel_rest(execution: Execution, why: str, now: dt.datetime, *, queued: bool) -> None:
    """Cancel what has not ended; what is in doubt, also of what was `queued`, stays to be answered."""
    ended = [status for status in states.ENDED if not (queued and status is StepStatus.SIMULATED)]
    left = list(execution.steps.exclude(status__in=ended))
    consent.leave_open(execution, left, why=why, now=now)
    for run in left:
        if run.status not in (StepStatus.UNCERTAIN, StepStatus.SIMULATED):
            steps.place(execution, run, StepStatus.CANCELLED, now)


def _leave_unknown(run: StepRun, now: dt.datetime) -> None:
    """Say of a call whose worker was lost that nobody knows what became of it."""
    lost = errors.CallTimeout("The worker was lost before the answer was recorded.")
    call = calls.conclude(Call.objects.get(pk=str(run.call_id)), calls.Outcome(error=lost), now=now)
    if run.effect != Effect.READ:
        run.error = call.error
        run.save(update_fields=["error"])
