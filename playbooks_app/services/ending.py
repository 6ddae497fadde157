"""Commands that end an execution: cancel what is left, roll back, finish."""

import functools
from typing import Any

from audit.choices import Kind
from core import canonical, clock
from playbooks_app.choices import ExecutionStatus, StepStatus
from playbooks_app.engine import model, states
from playbooks_app.selectors import snapshots
from playbooks_app.services import children, consent, outcomes
from playbooks_app.services.drive import Drive
from playbooks_app.spec import expressions, templates
from playbooks_app.spec.schema import StepKind


def cancel_rest(drive: Drive, command: model.CancelRest) -> None:
    """Cancel every step that has not ended, withdraw what was asked for, and ask child executions to cancel.

    What is in doubt stays to be answered, and is not tried again.
    """
    left = [run for run in drive.runs.values() if run.status not in states.ENDED and not run.undo_of_id]
    asked = {run.approval_id for run in left if run.approval_id}
    with drive.transaction(asked) as now:
        consent.close([run for run in drive.runs.values() if run.approval_id in asked], reason=command.why, now=now)
        for run in left:
            if run.status == StepStatus.IN_PROGRESS and run.kind == "playbook":
                children.ask_to_end(run, "the execution above was cancelled")
            if not outcomes.leave_open(drive, run, command.why):
                drive.place(run, StepStatus.CANCELLED, now, why=command.why)


def roll_back(drive: Drive, command: model.RollBack) -> None:
    """Start undoing, and keep the outcome so far."""
    execution = drive.execution
    execution.result = {**execution.result, "outcome": command.outcome, "why": command.why}
    execution.completed_at = None
    drive.batch.fields |= {"result", "completed_at"}
    drive.set_status(ExecutionStatus.ROLLING_BACK, clock.now(), why=command.why)
    _withdraw_queued(drive, f"the execution is rolled back: {command.why}")


def finish(drive: Drive, command: model.Finish) -> None:
    """End an execution, with its outcome, its outputs and what was undone."""
    now, execution = clock.now(), drive.execution
    execution.status = states.execution(execution.status, command.status)
    execution.completed_at = now
    execution.result = {
        "outcome": command.status.value,
        **({"why": command.why} if command.why else {}),
        **execution.result,
        "outputs": _outputs(drive),
        "undone": {run.step_id: run.status for run in drive.runs.values() if run.undo_of_id},
    }
    drive.batch.fields |= {"status", "completed_at", "result"}
    digest = canonical.digest(execution.result)
    drive.note(Kind.EXECUTION_FINISHED, now, status=command.status, result=digest)
    if execution.parent_step_id:
        drive.batch.above = execution.parent_step_id
        drive.batch.then.append(functools.partial(_wake_parent, drive))
    if command.status in (ExecutionStatus.CANCELLED, ExecutionStatus.ROLLED_BACK):
        _withdraw_queued(drive, f"the execution was {command.status.replace('_', ' ')}: {command.why}".removesuffix(": "))


def _withdraw_queued(drive: Drive, why: str) -> None:
    """Let nobody run what was rehearsed and queued for an execution that was cancelled or is undone, or below it."""
    open_ = [run for run in drive.runs.values() if run.status in consent.OPEN and not run.undo_of_id and not outcomes.is_left_open(run)]
    queued = {run.approval_id for run in open_ if run.approval_id}
    runs = [run for run in drive.runs.values() if run.approval_id in queued]
    if runs or any(run.kind == StepKind.PLAYBOOK for run in drive.runs.values()):
        # At once with the end: what was clicked already would be called after it.
        with drive.transaction(queued) as now:
            consent.close(runs, reason=why, now=now)
            for run in open_:
                outcomes.leave_open(drive, run, why)
            consent.withdraw_below(drive.execution, reason=why, now=now)


def _wake_parent(drive: Drive, _now: object) -> None:
    children.wake_parent(drive.execution)


def _outputs(drive: Drive) -> dict[str, Any]:
    """Return the playbook's outputs; one that cannot be rendered says why instead."""
    scope = snapshots.scope(drive.execution, drive.playbook, drive.runs, clock.now())
    found: dict[str, Any] = {}
    for name, value in drive.playbook.outputs.items():
        try:
            found[name] = canonical.plain(templates.compile_template(value).render(scope).value)
        except expressions.ExpressionError as error:
            found[name] = {"error": str(error)}
    return found
