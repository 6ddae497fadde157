"""Commands that make no call: wait for a person or a time, choose, complete, skip, fail, hold back."""

from typing import Any

from adapters import errors
from audit.choices import Kind
from core import canonical, clock
from playbooks_app.choices import StepMode, StepStatus
from playbooks_app.engine import model, states
from playbooks_app.engine.decide import after_error
from playbooks_app.models import StepRun
from playbooks_app.services import journaling, outcomes, steps
from playbooks_app.services.drive import Drive

SET_BACK = "a clock was set back"
OPEN = (StepStatus.NOT_STARTED, StepStatus.AWAITING_APPROVAL, StepStatus.SIMULATED)


def await_person(drive: Drive, command: model.AwaitPerson) -> None:
    """Let a step wait until a person has acted."""
    run = drive.runs[command.step]
    steps.show(run, command.params)
    run.waiting_for = command.waiting_for
    drive.place(run, StepStatus.AWAITING_INPUT, clock.now(), command, kind=Kind.STEP_WAITING)


def await_time(drive: Drive, command: model.AwaitTime) -> None:
    """Let a step wait for a time or a condition; no worker is held."""
    run = drive.runs[command.step]
    run.mode, run.waiting_for = StepMode.REAL, command.why[:300]
    drive.place(run, StepStatus.IN_PROGRESS, clock.now(), command, kind=Kind.STEP_WAITING)


def redate(drive: Drive, command: model.Redate) -> None:
    """Let a step wait from now on as long as it was to wait."""
    run, now = drive.runs[command.step], clock.now()
    run.retry_at = command.at
    drive.batch.change(run)
    drive.batch.facts.append(journaling.step_fact(drive.execution, run, Kind.STEP_WAITING, now=now, why=SET_BACK))


def redate_end(drive: Drive, command: model.RedateEnd) -> None:
    """Give an execution its whole time from now on."""
    drive.execution.deadline = command.at
    drive.batch.fields |= {"deadline"}
    drive.note(Kind.EXECUTION_REDATED, clock.now(), until=clock.iso(command.at), why=SET_BACK)


def complete(drive: Drive, command: model.Complete) -> None:
    """Complete a step that makes no call, with its output."""
    run = drive.runs[command.step]
    output: Any = canonical.plain(command.output)
    run.mode, run.output = run.mode or StepMode.REAL, output
    drive.place(run, StepStatus.COMPLETED, clock.now(), command)


def choose(drive: Drive, command: model.Choose) -> None:
    """Record the branch that a decision took by itself."""
    run = drive.runs[command.step]
    run.decision, run.mode = command.branch, StepMode.REAL
    run.output = {"chosen": command.branch}
    drive.place(run, StepStatus.COMPLETED, clock.now(), command, decision=command.branch)


def skip(drive: Drive, command: model.Skip) -> None:
    """Skip a step, and the iterations that it has; not one with a try of which nobody knows whether it happened."""
    run = drive.runs[command.step]
    if _leave_open(drive, run, command.why):
        return
    run.waiting_for = command.why
    drop_iterations(drive, command.step, command.why)
    drive.place(run, StepStatus.SKIPPED, clock.now(), command, why=command.why)


def fail(drive: Drive, command: model.Fail) -> None:
    """Fail a step; by its rule for errors it may end as skipped, with the error kept.

    One with a try of which nobody knows whether it happened has not failed: a person says what became of that.
    """
    run = drive.runs[command.step]
    if _leave_open(drive, run, command.why):
        return
    run.error = {"code": command.code, "message": command.why}
    if run.status == StepStatus.SIMULATED:
        # The execution went on with what was rehearsed; that stays the step's result, and nobody can click it any more.
        run.retry_at = None
        drive.batch.change(run)
        fact = journaling.step_fact(drive.execution, run, Kind.STEP_WAITING, now=clock.now(), why=command.why, code=command.code)
        drive.batch.facts.append(fact)
        return
    drop_iterations(drive, command.step, command.why)
    drive.place(run, after_error(drive.step(command.step)), clock.now(), command, code=command.code)


def block(drive: Drive, command: model.Block) -> None:
    """Hold a step back while an emergency stop stands."""
    run = drive.runs[command.step]
    run.waiting_for = command.why
    drive.place(run, StepStatus.BLOCKED, clock.now(), command, kind=Kind.STEP_WAITING, why=command.why)


def unblock(drive: Drive, command: model.Unblock) -> None:
    """Let a held step start again."""
    run = drive.runs[command.step]
    run.waiting_for, run.approval_id = "", None
    drive.place(run, StepStatus.NOT_STARTED, clock.now(), command, kind=Kind.STEP_WAITING)


def drop_iterations(drive: Drive, run_id: str, why: str) -> None:
    """Cancel the iterations of a step that have not ended."""
    for item in drive.iterations_of(drive.runs[run_id]):
        if item.status not in states.ENDED:
            drive.place(item, StepStatus.CANCELLED, clock.now(), why=why)


def _leave_open(drive: Drive, run: StepRun, why: str) -> bool:
    """Leave a step open that has a try in doubt, or an item with one: then the other items fail at once, and it when that is known."""
    if outcomes.leave_open(drive, run, why):
        return True
    items = [item for item in drive.iterations_of(run) if item.status in OPEN]
    left_open = [item for item in items if outcomes.leave_open(drive, item, why)]
    if not left_open:
        return False
    now = clock.now()
    for item in items:
        if item.status in (StepStatus.NOT_STARTED, StepStatus.AWAITING_APPROVAL):
            item.error = {"code": errors.NoOtherTry.code, "message": why}
            drive.place(item, StepStatus.FAILED, now, why=why)
    if run.status == StepStatus.AWAITING_APPROVAL:
        drive.place(run, StepStatus.IN_PROGRESS, now, kind=Kind.STEP_WAITING, why=why)
    return True
