"""Taking back what was done, here and below: best effort, one at a time, each undo a step run of its own."""

from typing import Any

from adapters import calls, errors, instances, registry
from adapters.choices import CallPurpose
from adapters.models import Call as CallRow
from approvals.choices import Outcome as ApprovalOutcome
from audit.choices import Kind
from core import canonical, clock
from core.errors import DomainError
from playbooks_app.choices import ExecutionStatus, StepMode, StepStatus
from playbooks_app.engine import loops, model
from playbooks_app.models import StepRun
from playbooks_app.selectors import snapshots
from playbooks_app.services import calling, children, looking, outcomes, steps
from playbooks_app.services.drive import Drive, Result
from playbooks_app.services.flights import Flight
from playbooks_app.spec import expressions, templates
from playbooks_app.spec.schema import Step, StepKind

UNDO = "undo:"


def undo(drive: Drive, command: model.Undo) -> Flight | None:
    """Note the intent of an undo, or have what was done below undone; what cannot be made is failed, and the next one is tried."""
    done, step = drive.runs[command.step], drive.step(command.step)
    run = drive.runs.get(f"{UNDO}{command.step}")
    if run is None:
        run = drive.add(_undo_run(drive, done, step))
    if step.kind is StepKind.PLAYBOOK:
        _undo_below(drive, run, done)
        return None
    if run.status == StepStatus.IN_PROGRESS:
        return _recover(drive, run)
    rollback: Any = step.rollback
    try:
        params = params_of(drive, step, done)
        instance = instances.resolve(
            tenant_id=drive.execution.tenant_id, environment_id=drive.execution.environment_id, action=rollback.action,
            name=rollback.adapter or _made_by(done, rollback.action) or step.adapter or "",
        )  # fmt: skip
    except (DomainError, expressions.ExpressionError) as error:
        if not outcomes.leave_open(drive, run, str(error)):
            run.error = {"code": "undo", "message": str(error)}
            drive.place(run, StepStatus.FAILED, clock.now())
        return None
    steps.show(run, params)
    row = calling.intended(drive, run, instance, rollback.action, run.params, CallPurpose.UNDO, Kind.UNDO_STARTED)
    return _flight(run, step, row)


def _made_by(done: StepRun, action: str) -> str:
    """Return the name of the instance that made a write, if it serves its undo too: it was done there, and nowhere else."""
    row = CallRow.objects.select_related("instance").filter(pk=done.call_id).first()
    if row is None or row.instance is None or action.partition(".")[0] not in registry.adapter(row.adapter).capabilities():
        return ""
    return str(row.instance.name)


def params_of(drive: Drive, step: Step, done: StepRun) -> dict[str, Any]:
    """Return the parameters of a step's undo, as they would be sent now."""
    scope = snapshots.scope(drive.execution, drive.playbook, drive.runs, clock.now())
    if done.iteration_of_id:
        seen = {"status": done.status, "output": done.output, "simulated": False, "chosen": None}
        scope = {**scope, step.loop_variable: done.item, "steps": {**scope["steps"], step.id: seen}}
    rollback: Any = step.rollback
    rendered: Any = templates.compile_template(rollback.params).render(scope).value
    return dict(rendered)


def settle(drive: Drive, result: Result) -> None:
    """Apply what came of an undo."""
    run, now = drive.runs[result.run_id], clock.now()
    done = drive.runs[result.run_id.removeprefix(UNDO)]
    if _is_open(drive, run, result):
        return
    drive.batch.calls.append(calls.settle(result.call, result.outcome, now=now))
    error = result.outcome.error
    if isinstance(error, errors.Stopped):
        if result.repeated:
            run.error = errors.CallTimeout(outcomes.UNANSWERED).to_dict()
        drive.place(run, StepStatus.NOT_STARTED, now, kind=Kind.STEP_WAITING, why="an emergency stop stands")
        return
    if error is not None:
        run.error = {**error.to_dict(), "outcome_unknown": False}
        retry = drive.step(run.step_id).retry
        if retry is not None and run.attempt < retry.attempts and not error.permanent:
            outcomes.put_off(run, retry, error, now)
            drive.place(run, StepStatus.NOT_STARTED, now, kind=Kind.STEP_WAITING, error=error.code, attempt=run.attempt)
        else:
            drive.place(run, StepStatus.FAILED, now, error=error.code)
        return
    output: Any = canonical.plain(result.outcome.output)
    run.output, run.error = output, None
    data: dict[str, Any] = {"found": result.found} if result.found else {}
    drive.place(run, StepStatus.COMPLETED, now, result=result.call.result_digest, **data)
    drive.place(done, StepStatus.ROLLED_BACK, now, undone_by=str(run.pk))
    outcomes.report(drive, done, [], ApprovalOutcome.UNDONE)
    _gather(drive, done)


def _gather(drive: Drive, done: StepRun) -> None:
    """Say of a step with iterations that it is undone when all that they did is."""
    if not done.iteration_of_id:
        return
    step = drive.runs[model.step_id_of(done.step_id)]
    if loops.are_undone(item.status for item in drive.iterations_of(step)):
        if step.status == StepStatus.COMPLETED:
            drive.place(step, StepStatus.ROLLED_BACK, clock.now())
        outcomes.report(drive, step, [], ApprovalOutcome.UNDONE)


def _is_open(drive: Drive, run: StepRun, result: Result) -> bool:
    """Look where an undo was not answered, and take it as made where it was; return whether nobody knows yet."""
    error = result.outcome.error
    if error is None or isinstance(error, errors.Stopped):
        return False
    if not (error.outcome_unknown or outcomes.unknown_before(run, result)):
        return False
    settled = looking.look(drive, result.call)
    if settled is None:
        outcomes.uncertain(drive, run, result.call, result.outcome)
        return True
    if settled:
        result.outcome, result.found = calls.Outcome(output={}), "by looking"
        return False
    return looking.puts_off(drive, run, looking.timeout_of(drive.step(run.step_id)), error)


def _flight(run: StepRun, step: Step, row: CallRow, *, repeated: bool = False) -> Flight:
    result = Result(run.step_id, row, calls.Outcome(), settle, repeated=repeated)
    return Flight(result, looking.timeout_of(step))


def _recover(drive: Drive, run: StepRun) -> Flight | None:
    """An undo whose worker stopped: repeated where that is safe, else looked at, else left to a person.

    One whose worker gave it up is looked at, and has failed as that one saw where it is not there. Otherwise what is not there
    is undone anew.
    """
    row = CallRow.objects.select_related("instance").filter(pk=run.call_id).first()
    if row is None or row.instance is None:
        run.waiting_for, run.retry_at = outcomes.WHO, None
        drive.place(run, StepStatus.UNCERTAIN, clock.now(), kind=Kind.STEP_WAITING, why="the call's record is missing")
        return None
    action = calls.action_of(row.instance, row.action)
    seen = looking.given_up(run, action)
    if seen is not None:
        drive.settle(Result(run.step_id, row, calls.Outcome(error=seen), settle))
        return None
    if action.repeatable:
        return _flight(run, drive.step(run.step_id), row, repeated=True)
    settled = looking.look(drive, row)
    if settled:
        drive.settle(Result(run.step_id, row, calls.Outcome(output={}), settle, "by looking"))
    elif settled is None:
        outcomes.uncertain(drive, run, row, None)
    elif not looking.puts_off(drive, run, looking.timeout_of(drive.step(run.step_id))):
        outcomes.not_done(drive, run, row)
    return None


def _undo_below(drive: Drive, run: StepRun, done: StepRun) -> None:
    """Ask the execution that a step started to undo what it did; when it is done with that, end the undo as it ended.

    A step that did not complete stays as it is; its undo says what became of what it left.
    """
    child = done.children.select_related("version__playbook").get()
    slug = child.version.playbook.slug
    if run.status == StepStatus.NOT_STARTED:
        run.mode, run.waiting_for = StepMode.REAL, f"the execution of {slug}, which undoes what it did"
        with drive.transaction() as now:
            drive.place(run, StepStatus.IN_PROGRESS, now, kind=Kind.UNDO_STARTED, child=str(child.pk))
            children.ask_to_undo(done, "the execution above is rolled back")
        return
    left = sorted(name for name, status in child.result.get("undone", {}).items() if status != StepStatus.COMPLETED)
    if child.status != ExecutionStatus.ROLLED_BACK or left:
        what = f"could not do {', '.join(left)}" if left else f"was {child.status} over it"
        run.error = {"code": "child", "message": f"the execution of {slug} {what}"[:500]}
        drive.place(run, StepStatus.FAILED, clock.now(), child=str(child.pk), child_status=child.status)
        return
    drive.place(run, StepStatus.COMPLETED, clock.now(), child=str(child.pk))
    if done.status == StepStatus.COMPLETED:
        drive.place(done, StepStatus.ROLLED_BACK, clock.now(), undone_by=str(run.pk))
    _gather(drive, done)


def _undo_run(drive: Drive, done: StepRun, step: Step) -> StepRun:
    action = step.rollback.action if step.rollback else ""
    return StepRun(
        tenant_id=drive.execution.tenant_id, execution=drive.execution, step_id=f"{UNDO}{done.step_id}", position=done.position,
        name=f"Undo: {done.name}"[:200], kind=done.kind, action=action, undo_of=done, created_at=clock.now(),
    )  # fmt: skip
