"""What people say of a write whose worker stopped before the answer was recorded, where the vendor cannot tell."""

import datetime as dt
import uuid

from django.db import transaction

from accounts.choices import Permission
from accounts.selectors import access
from approvals.choices import Outcome
from approvals.services import requests
from audit.choices import Kind
from core.actors import Actor
from core.errors import Invalid
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepMode, StepStatus
from playbooks_app.engine import loops
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import executions, journaling, outcomes, steps

ANSWERS = ("look", "happened", "not_happened")


class HowDoYouKnow(Invalid):
    """Say how you know: the journal and the evidence keep it."""

    code = "how_do_you_know"


def answer(*, execution_id: uuid.UUID, step_id: str, said: str, reason: str, actor: Actor, now: dt.datetime) -> StepRun:
    """Let a person say what became of a write: `look` again, it `happened`, or it did `not_happened`.

    One that did not happen starts anew, and asks anew; an undo is tried again under the consent to what it undoes; an item
    of several goes on with the consent to all of them, and what was queued goes back to its rehearsal. After the end of the
    execution nothing starts anew: it is cancelled. Raises NotWaiting where the step is not uncertain, and HowDoYouKnow where
    somebody knows and does not say why.
    """
    if said not in ANSWERS:
        raise Invalid(f"The answer is one of: {', '.join(ANSWERS)}.")
    if said != "look" and not reason.strip():
        raise HowDoYouKnow
    with transaction.atomic():
        execution = executions.locked(execution_id)
        run = executions.step_of(execution, step_id)
        if run.status != StepStatus.UNCERTAIN:
            raise executions.NotWaiting("This step is not uncertain.")
        access.require(actor, Permission.WORK_EXECUTIONS, execution.tenant_id)
        data = {"answered_by": actor.name, "answer": said, "reason": reason[:500]}
        if said == "look":
            # The runner takes it up again, with what the worker that made it saw, and comes back where it cannot tell either.
            steps.change(run, StepStatus.IN_PROGRESS, now)
            run.save(update_fields=["status"])
            journaling.of_step(execution, run, Kind.STEP_WAITING, now=now, actor=actor, **data)
        elif said == "happened":
            # What waited for its next try stood as its rehearsal.
            run.error, run.mode = None, StepMode.REAL
            steps.place(execution, run, StepStatus.COMPLETED, now, actor=actor, **data)
            _happened(execution, run, now)
        else:
            _begin_anew(execution, run, actor, now, data)
        executions.woken(execution, now)
    return run


def _happened(execution: Execution, run: StepRun, now: dt.datetime) -> None:
    """Let what follows from a write that happened follow: its consent is used up; what it took back is undone."""
    if run.undo_of is not None:
        undone = run.undo_of
        steps.place(execution, undone, StepStatus.ROLLED_BACK, now, undone_by=str(run.pk))
        _report(_gathered(execution, undone, now), Outcome.UNDONE, now)
    elif is_over(execution, run):
        _settled(run, now)
    else:
        _report(run, Outcome.EXECUTED, now)


def _gathered(execution: Execution, undone: StepRun, now: dt.datetime) -> StepRun:
    """Return the step of an iteration, where all that its iterations did is undone, and say so of it; else what was undone."""
    step = undone.iteration_of
    if step is None or not loops.are_undone(step.iterations.values_list("status", flat=True)):
        return undone
    if step.status == StepStatus.COMPLETED:
        steps.place(execution, step, StepStatus.ROLLED_BACK, now)
    return step


def _begin_anew(execution: Execution, run: StepRun, actor: Actor, now: dt.datetime, data: dict[str, str]) -> None:
    queued, back = outcomes.was_queued(run) or run.mode == StepMode.SIMULATED, StepStatus.NOT_STARTED
    if is_over(execution, run) and not queued:
        run.error = None
        steps.place(execution, run, StepStatus.CANCELLED, now, actor=actor, **data)
        _settled(run, now)
        return
    if run.iteration_of is not None and run.iteration_of.approval_id:
        # Where people were asked anew meanwhile, its call is not among those that they saw, and all are asked for once more.
        run.approval_id = run.iteration_of.approval_id
    if run.approval_id and run.iteration_of_id:
        back = StepStatus.SIMULATED if queued else StepStatus.AWAITING_APPROVAL
    elif run.approval_id:
        back = StepStatus.SIMULATED if queued else back
        why = "a person said that the call did not happen"
        if not requests.withdraw(request_id=run.approval_id, reason=why, actor=journaling.ENGINE, now=now):
            # It was used up when the execution was ended over it.
            _report(run, Outcome.FAILED, now)
        run.approval_id = None
    # The doubt is settled: what the next try says, counts.
    run.error, run.mode = None, StepMode.SIMULATED if queued else run.mode
    steps.change(run, back, now)
    run.save()
    journaling.of_step(execution, run, Kind.STEP_WAITING, now=now, actor=actor, **data)
    if is_over(execution, run) and run.iteration_of is not None:
        _settled(run, now)


def is_over(execution: Execution, run: StepRun) -> bool:
    """Return whether nothing starts any more that is like this step: undos start until all are made."""
    return execution.status in FINAL_EXECUTION or (execution.status == ExecutionStatus.ROLLING_BACK and run.undo_of_id is None)


def _settled(run: StepRun, now: dt.datetime) -> None:
    """Say of a consent, after the end, what was done with it, as soon as nothing that it was given for is in doubt."""
    step = run.iteration_of or run
    statuses = {run.status} if step is run else set(step.iterations.values_list("status", flat=True))
    is_gathered_later = step is not run and step.status != StepStatus.CANCELLED
    if StepStatus.UNCERTAIN not in statuses and not is_gathered_later:
        _report(step, Outcome.EXECUTED if StepStatus.COMPLETED in statuses else Outcome.FAILED, now)


def _report(run: StepRun, outcome: Outcome, now: dt.datetime) -> None:
    if run.approval_id and not run.iteration_of_id:
        requests.report(request_id=run.approval_id, outcome=outcome, receipt=None, actor=journaling.ENGINE, now=now)
