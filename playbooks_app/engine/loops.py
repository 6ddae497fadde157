"""Steps with `for_each`: their iterations, how many run at once, and when they have ended."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.plurals import counted
from playbooks_app.choices import FINAL_EXECUTION, StepStatus
from playbooks_app.engine import model, times
from playbooks_app.engine.model import Command, State, StepState, iteration_id
from playbooks_app.engine.states import ENDED
from playbooks_app.spec import expressions, templates
from playbooks_app.spec.schema import ErrorMode, Step, StepKind

MOST = 1000


def expanded(state: State, step: Step, *, mark: bool) -> tuple[tuple[Any, ...], tuple[Mapping[str, Any], ...]]:
    """Return the items of a step's `for_each` and the parameters of each; raises ExpressionError where it yields no list."""
    items = templates.compile_template(step.for_each).render(state.scope).value
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise expressions.ExpressionError("for_each yielded no list", parameter="for_each")
    if len(items) > MOST:
        raise expressions.ExpressionError(f"for_each yielded {counted(len(items), 'item')}, and {MOST} is the most", parameter="for_each")
    return tuple(items), tuple(params_of(step, item, state.scope, mark=mark) for item in items)


def params_of(step: Step, item: Any, scope: Mapping[str, Any], *, mark: bool = False) -> Mapping[str, Any]:
    """Return the parameters of a step for one item."""
    template = templates.compile_template(step.params)
    rendered: Any = template.render({**scope, step.loop_variable: item}, unresolved="mark" if mark else "error").value
    return rendered


def approved(state: State, step: Step, now: dt.datetime) -> list[str]:
    """Return the iterations to call now that people approved all of them."""
    run = state.steps[step.id]
    if run.approval != "approved" or _stops(step, run):
        return []
    waiting = (StepStatus.AWAITING_APPROVAL, StepStatus.SIMULATED)
    return _next(state, step, run, now, waiting)


def go_on(state: State, step: Step, now: dt.datetime) -> list[Command]:
    """Return what a step with iterations does next: start more of them, end them, or end itself."""
    run = state.steps[step.id]
    commands: list[Command] = [
        model.EndChild(iteration_id(step.id, number))
        for number, iteration in enumerate(run.iterations)
        if iteration.status is StepStatus.IN_PROGRESS and iteration.child in FINAL_EXECUTION
    ]
    if commands:
        return commands
    refused: list[Command] = [
        model.Fail(iteration_id(step.id, number), code=run.approval, why=f"the approval was {run.approval}")
        for number, iteration in enumerate(run.iterations)
        if run.approval in ("rejected", "expired") and iteration.status is StepStatus.AWAITING_APPROVAL
    ]
    if refused:
        return refused
    # Nobody knows yet what there is to undo where one is uncertain; a person says what happened first.
    busy = any(iteration.status in (StepStatus.IN_PROGRESS, StepStatus.UNCERTAIN) for iteration in run.iterations)
    if _stops(step, run):
        return [] if busy else [model.Gather(step.id, why="an iteration failed")]
    if all(iteration.status in ENDED for iteration in run.iterations) and not _queued(run):
        return [model.Gather(step.id)]
    ready = _next(state, step, run, now, (StepStatus.NOT_STARTED,))
    if step.kind is StepKind.PLAYBOOK:
        return [model.StartChild(run_id) for run_id in ready]
    return [model.CallItem(run_id) for run_id in ready]


def are_undone(statuses: Iterable[str]) -> bool:
    """Return whether iterations that stand there have all been undone, as far as they did anything."""
    found = set(statuses)
    return StepStatus.ROLLED_BACK in found and not found & {StepStatus.COMPLETED, StepStatus.IN_PROGRESS, StepStatus.UNCERTAIN}


def _queued(run: StepState) -> bool:
    """Whether people approved what was rehearsed, and not all of it is done."""
    return run.approval == "approved" and any(iteration.status is StepStatus.SIMULATED for iteration in run.iterations)


def _next(state: State, step: Step, run: StepState, now: dt.datetime, statuses: tuple[StepStatus, ...]) -> list[str]:
    running = sum(iteration.status is StepStatus.IN_PROGRESS for iteration in run.iterations)
    ready = [
        iteration_id(step.id, number)
        for number, iteration in enumerate(run.iterations)
        if iteration.status in statuses and times.has_come(iteration.retry_at, now)
    ]
    return ready[: max(step.max_parallel - running, 0)]


def _stops(step: Step, run: StepState) -> bool:
    """Whether an iteration failed that halts the others."""
    return step.on_error is ErrorMode.HALT and any(
        iteration.status is StepStatus.FAILED or iteration.refused for iteration in run.iterations
    )
