"""Steps that run another playbook: a child execution, whose end is the step's."""

from typing import Any

from audit.choices import Kind
from core import canonical, clock, tasks
from core.errors import DomainError
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepMode, StepStatus
from playbooks_app.engine import model
from playbooks_app.engine.decide import after_error
from playbooks_app.models import Execution, Playbook, StepRun
from playbooks_app.services import executions, journaling, leases, steps, waiting
from playbooks_app.services.drive import Drive

DEEPEST = 5


def start(drive: Drive, command: model.StartChild) -> None:
    """Start the playbook of a step, under the level, drill and consent rules of this execution, at once with the step."""
    run, step, execution = drive.runs[command.step], drive.step(command.step), drive.execution
    if not run.iteration_of_id:
        steps.show(run, command.params)
    problem = _obstacle(execution, step.playbook or "")
    if problem:
        waiting.fail(drive, model.Fail(command.step, command.evaluations, "child", problem))
        return
    inputs: Any = run.params or {}
    playbook = Playbook.objects.select_related("active_version").get(tenant=execution.tenant_id, slug=step.playbook)
    try:
        with drive.transaction() as now:
            child = executions.start(
                tenant=execution.tenant, environment=execution.environment, version=playbook.active_version, alert=execution.alert,
                event=execution.event, inputs=inputs, level=run.level, drill=execution.drill, incident=execution.incident,
                parent=run, actor=journaling.ENGINE, started_by_user_id=execution.started_by_user_id, now=now,
            )  # fmt: skip
            run.mode, run.waiting_for = StepMode.REAL, f"the execution of {step.playbook}"
            drive.place(run, StepStatus.IN_PROGRESS, now, command, kind=Kind.STEP_STARTED, child=str(child.pk))
    except DomainError as error:
        drive.read_anew()
        waiting.fail(drive, model.Fail(command.step, (), error.code, error.sentence))


def end(drive: Drive, command: model.EndChild) -> None:
    """End a step whose child has ended: with its outputs where it completed, in time or late, else by the step's rule for errors."""
    run, now = drive.runs[command.step], clock.now()
    child: Execution = run.children.get()
    if child.status == ExecutionStatus.COMPLETED:
        output: Any = canonical.plain({"execution": str(child.pk), "outputs": child.result.get("outputs", {})})
        run.output, run.error = output, None
        drive.place(run, StepStatus.COMPLETED, now, child=str(child.pk))
        return
    late = run.error["message"] + ": " if run.error and run.error["code"] == "timeout" else ""
    message = f"{late}the execution of {child.version.playbook.slug} {child.status.replace('_', ' ')}"
    run.error = {"code": "timeout" if late else "child", "message": message}
    drive.place(run, after_error(drive.step(command.step)), now, child=str(child.pk), child_status=child.status)


def ask(drive: Drive, command: model.AskToEnd) -> None:
    """Ask the child of a step to end, which ends only then; an undo of the child goes on."""
    run = drive.runs[command.step]
    with drive.transaction() as now:
        ask_to_end(run, f"the execution above asks it to end: {command.why}")
        run.error = {"code": command.code, "message": command.why, "asked_to_end": True}
        drive.batch.change(run)
        fact = journaling.step_fact(drive.execution, run, Kind.STEP_WAITING, now=now, why=command.why, code=command.code)
        drive.batch.facts.append(fact)


def ask_to_end(run: StepRun, reason: str) -> None:
    """Ask the child of a step to cancel, in the caller's transaction; one that has ended, or is at it, is left alone."""
    for child in Execution.objects.select_for_update(of=("self",)).filter(parent_step=run):
        if "cancel" not in child.control and child.status not in (*FINAL_EXECUTION, ExecutionStatus.ROLLING_BACK):
            executions.control(child, "cancel", Kind.EXECUTION_CANCEL, reason, journaling.ENGINE, clock.now())


def ask_to_undo(run: StepRun, reason: str) -> None:
    """Ask the child of a step to undo what it did, in the caller's transaction; one that has done so is left alone.

    However it stands it is rolled back in the end, and lets the execution above know.
    """
    for child in Execution.objects.select_for_update(of=("self",)).filter(parent_step=run):
        if child.status != ExecutionStatus.ROLLED_BACK:
            executions.control(child, "rollback", Kind.EXECUTION_ROLLBACK, reason, journaling.ENGINE, clock.now(), above=True)


def wake_parent(execution: Execution) -> None:
    """Let the execution above look at its step, in the transaction in which this one ends."""
    if execution.parent_step_id:
        parent_id = StepRun.objects.values_list("execution_id", flat=True).get(pk=execution.parent_step_id)
        leases.wake(parent_id, now=clock.now())
        tasks.enqueue(executions.ADVANCE, execution_id=str(parent_id))


def _obstacle(execution: Execution, slug: str) -> str:
    if execution.depth >= DEEPEST:
        return f"executions nest no deeper than {DEEPEST}"
    if not Playbook.objects.filter(tenant=execution.tenant_id, slug=slug, enabled=True, active_version__isnull=False).exists():
        return f"there is no active playbook {slug}"
    return ""
