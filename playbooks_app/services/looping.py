"""Steps with `for_each`: make their iterations, and gather what came of them."""

from typing import Any

from approvals.choices import Outcome as ApprovalOutcome
from audit.choices import Kind
from core import canonical, clock
from core.plurals import counted
from playbooks_app.choices import StepMode, StepStatus
from playbooks_app.engine import model, states
from playbooks_app.engine.decide import after_error
from playbooks_app.models import StepRun
from playbooks_app.services import asking, outcomes, steps, waiting
from playbooks_app.services.drive import Drive


def expand(drive: Drive, command: model.Expand) -> None:
    """Make an iteration for each item, with its own parameters and idempotency key; then run, ask for or rehearse all."""
    run = drive.runs[command.step]
    items = [drive.add(_iteration(drive, run, number, item, command.params[number])) for number, item in enumerate(command.items)]
    if command.then != "run":
        asking.ask_for_all(drive, command, items)
        return
    steps.show(run, list(command.params))
    run.mode = StepMode.REAL
    drive.place(run, StepStatus.IN_PROGRESS, clock.now(), command, kind=Kind.STEP_EXPANDED, items=len(items))


def gather(drive: Drive, command: model.Gather) -> None:
    """End a step whose iterations have ended. Its output lists theirs in the order of the items, null where one failed."""
    run, step, now = drive.runs[command.step], drive.step(command.step), clock.now()
    why, items = command.why or "no more iterations start", drive.iterations_of(run)
    open_ = [item for item in items if item.status not in states.ENDED and outcomes.leave_open(drive, item, why)]
    if open_:
        return
    waiting.drop_iterations(drive, command.step, why)
    failed = [item for item in items if item.status == StepStatus.FAILED]
    run.output = [item.output if item.status == StepStatus.COMPLETED else None for item in items]
    status, mode = StepStatus.COMPLETED, StepMode.REAL
    if failed:
        message = f"{len(failed)} of {counted(len(items), 'iteration')} failed"
        run.error = {"code": "iterations_failed", "message": message, "failed": [item.step_id for item in failed][:50]}
        status = after_error(step)
        if outcomes.was_queued(run):
            # The execution went on with what was rehearsed; that stays the step's result.
            status, mode = StepStatus.SIMULATED, StepMode.SIMULATED
    run.mode = mode
    digest = canonical.digest(run.output)
    drive.place(run, status, now, items=len(items), failed=len(failed), result=digest)
    done = ApprovalOutcome.EXECUTED if any(item.status == StepStatus.COMPLETED for item in items) else ApprovalOutcome.FAILED
    outcomes.report(drive, run, [item.call_id for item in items if item.call_id], done)


def _iteration(drive: Drive, run: StepRun, number: int, item: Any, params: Any) -> StepRun:
    made = StepRun(
        tenant_id=run.tenant_id, execution=drive.execution, step_id=model.iteration_id(run.step_id, number), position=run.position,
        name=f"{run.name} ({number + 1})"[:200], kind=run.kind, action=run.action, level=run.level, iteration_of=run, number=number,
        item=canonical.plain(item), created_at=clock.now(), built_on_simulated=run.built_on_simulated,
    )  # fmt: skip
    steps.show(made, params)
    return made
