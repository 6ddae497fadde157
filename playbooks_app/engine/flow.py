"""Which steps may start, which a decision left out, and how the execution stands as a whole."""

import datetime as dt

from playbooks_app.choices import ExecutionStatus, StepStatus
from playbooks_app.engine.model import State, StepState, step_id_of
from playbooks_app.engine.states import ENDED, HELD
from playbooks_app.spec.schema import ErrorMode, Step, StepKind


def ready(state: State, now: dt.datetime) -> list[Step]:
    """Return the steps that may start now, in the order of the playbook."""
    return [step for step in state.playbook.steps if _may_start(state, step, now)]


def _may_start(state: State, step: Step, now: dt.datetime) -> bool:
    run = state.steps[step.id]
    if run.status is not StepStatus.NOT_STARTED or (run.retry_at is not None and run.retry_at > now):
        return False
    return all(state.steps[need].status in ENDED for need in step.needs)


def left_out(state: State, step: Step) -> str:
    """Return in words which decision left `step` out; empty where none did.

    A step is left out where it stands in branches of decisions, and all decisions that name it have chosen others, or have
    ended without a choice.
    """
    naming = [other for other in state.playbook.steps if other.kind is StepKind.DECISION and _names(other, step.id)]
    if not naming:
        return ""
    for decision in naming:
        run = state.steps[decision.id]
        if run.status not in ENDED or step.id in decision.branches.get(run.decision, ()):
            return ""
    last = naming[-1]
    return f"{last.id} chose {'another' if state.steps[last.id].decision else 'no'} branch"


def halting(state: State) -> str:
    """Return the step whose failure halts the execution; empty where none does."""
    for step in state.playbook.steps:
        run = state.steps[step.id]
        if run.refused or (run.status is StepStatus.FAILED and step.on_error is ErrorMode.HALT):
            return step.id
    return ""


def undoable(state: State) -> list[str]:
    """Return what was done, here or below, and can be undone and is not yet, last first."""
    rows = [(run.order, run_id) for run_id, run in state.runs() if _can_undo(run)]
    return [step_id for _, step_id in sorted(rows, reverse=True)]


def in_doubt(state: State) -> bool:
    """Return whether nobody knows of a step, that could be undone, whether it happened."""
    return any(run.status is StepStatus.UNCERTAIN and _has_undo(state, run_id) for run_id, run in state.runs())


def may_be_undone(state: State) -> bool:
    """Return whether anything was done that can be undone, or may have been, or is under way."""
    return bool(undoable(state)) or any(_may_happen(run) and _has_undo(state, run_id) for run_id, run in state.runs())


def resting(state: State) -> ExecutionStatus:
    """Return what an execution waits for that has nothing to do at the moment: the first that applies."""
    statuses = {run.status for _, run in state.runs() if not run.has_consent}
    if StepStatus.AWAITING_APPROVAL in statuses:
        return ExecutionStatus.AWAITING_APPROVAL
    if statuses & {StepStatus.AWAITING_INPUT, StepStatus.UNCERTAIN}:
        return ExecutionStatus.AWAITING_INPUT
    return ExecutionStatus.WAITING


def _names(decision: Step, step_id: str) -> bool:
    return any(step_id in steps for steps in decision.branches.values())


def _may_happen(run: StepState) -> bool:
    return run.calling or run.status is StepStatus.UNCERTAIN or (run.doubt and run.status in HELD)


def _has_undo(state: State, run_id: str) -> bool:
    return state.step(step_id_of(run_id)).rollback is not None


def _can_undo(run: StepState) -> bool:
    return run.undoable and run.undo in (None, StepStatus.NOT_STARTED, StepStatus.IN_PROGRESS)
