"""What to do next, from the state alone."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepStatus
from playbooks_app.engine import flow, levels, model, policy
from playbooks_app.engine.model import Command, State, Wake
from playbooks_app.engine.policy import Way
from playbooks_app.engine.states import ENDED
from playbooks_app.spec import expressions, templates
from playbooks_app.spec.schema import ErrorMode, Step, StepKind


def decide(state: State, event: Wake) -> list[Command]:
    """Return what to do next. Whoever runs it does all of it and asks again, until a Rest or Finish is among the answers."""
    for rule in (_recover, _approved, _undo, _ended, _asked_to_end, _halt, _decided, _unblock):
        commands = rule(state, event.now)
        if commands:
            return commands
    return _go_on(state, event.now)


def _recover(state: State, _now: dt.datetime) -> list[Command]:
    """A step that is under way when somebody looks was left by a worker that stopped."""
    return [model.Recover(step_id) for step_id, run in state.steps.items() if run.status is StepStatus.IN_PROGRESS]


def _approved(state: State, _now: dt.datetime) -> list[Command]:
    """What people approved is called, also where it was a queued simulation of an execution that has ended."""
    if state.stopped or state.control.get("cancel") or state.status is ExecutionStatus.ROLLING_BACK:
        return []
    waiting = (StepStatus.AWAITING_APPROVAL, StepStatus.SIMULATED)
    return [
        model.CallApproved(step_id)
        for step_id, run in state.steps.items()
        if run.approval == "approved" and run.status in waiting
    ]


def _undo(state: State, _now: dt.datetime) -> list[Command]:
    """While rolling back, completed writes are undone one by one, last first."""
    if state.status is not ExecutionStatus.ROLLING_BACK:
        return []
    rest = flow.undoable(state)
    if rest:
        return [model.Undo(rest[0])]
    return [model.Finish(ExecutionStatus.ROLLED_BACK)]


def _ended(state: State, _now: dt.datetime) -> list[Command]:
    """An execution that has ended does nothing more, unless somebody asks to roll it back."""
    if state.status not in FINAL_EXECUTION:
        return []
    outcome = state.status.value
    if state.control.get("rollback") and outcome != "rolled_back" and flow.undoable(state):
        return [model.RollBack(outcome, "a person asked for it")]  # type: ignore[arg-type]
    return [model.Rest(state.status)]


def _asked_to_end(state: State, now: dt.datetime) -> list[Command]:
    """A cancel, a rollback or the end of its time stops everything that has not started."""
    if state.control.get("rollback"):
        return _end(state, "cancelled", "a person asked to roll back", undo=True)
    if state.control.get("cancel"):
        return _end(state, "cancelled", "a person cancelled it", undo="cancel" in state.playbook.rollback.on)
    if state.deadline is not None and state.deadline <= now:
        return _end(state, "failed", "its time has run out", undo="timeout" in state.playbook.rollback.on)
    return []


def _halt(state: State, _now: dt.datetime) -> list[Command]:
    step_id = flow.halting(state)
    if not step_id:
        return []
    return _end(state, "failed", f"the step {step_id} failed", undo="failure" in state.playbook.rollback.on)


def _end(state: State, outcome: str, why: str, *, undo: bool) -> list[Command]:
    uncertain = [step_id for step_id, run in state.steps.items() if run.status is StepStatus.UNCERTAIN]
    if uncertain and outcome == "failed":
        # Nobody knows yet what there is to undo; a person says what happened first.
        return [model.Rest(ExecutionStatus.AWAITING_INPUT)]
    last: Command = model.Finish(ExecutionStatus(outcome), why)
    if undo and flow.undoable(state):
        last = model.RollBack(outcome, why)  # type: ignore[arg-type]
    return [model.CancelRest(why), last]


def _decided(state: State, _now: dt.datetime) -> list[Command]:
    """A step whose request was refused, or ran out of time, follows the rule for that."""
    commands: list[Command] = []
    for step_id, run in state.steps.items():
        if run.status is not StepStatus.AWAITING_APPROVAL:
            continue
        if run.approval == "rejected":
            commands.append(model.Fail(step_id, code="rejected", why="the approval was rejected"))
        elif run.approval == "expired" and run.on_timeout == "skip":
            commands.append(model.Skip(step_id, why="nobody decided in time"))
        elif run.approval == "expired":
            commands.append(model.Fail(step_id, code="approval_timeout", why="nobody decided in time"))
        elif run.approval == "withdrawn":
            commands.append(model.Unblock(step_id))
    return commands


def _unblock(state: State, _now: dt.datetime) -> list[Command]:
    if state.stopped:
        return []
    return [
        model.Unblock(step_id) for step_id, run in state.steps.items() if run.status is StepStatus.BLOCKED and not run.refused
    ]


def _go_on(state: State, now: dt.datetime) -> list[Command]:
    steps = flow.ready(state, now)
    if steps:
        return [_start(state, steps[0])]
    if all(run.status in ENDED for run in state.steps.values()):
        return [model.Finish(ExecutionStatus.COMPLETED)]
    times = [run.retry_at for run in state.steps.values() if run.retry_at and run.status is StepStatus.NOT_STARTED]
    times += [state.deadline] if state.deadline else []
    return [model.Rest(flow.resting(state), min(times, default=None))]


def _start(state: State, step: Step) -> Command:
    """Return what starting `step` means; a mistake in one of its expressions fails it, by its rule for errors."""
    decision = flow.left_out(state, step)
    if decision:
        return model.Skip(step.id, why=f"{decision} chose another branch")
    try:
        return _begun(state, step)
    except expressions.ExpressionError as error:
        what = f"{error.parameter}: {error}" if error.parameter else str(error)
        return model.Fail(step.id, code="expression", why=what)


def _begun(state: State, step: Step) -> Command:
    evaluations: tuple[dict[str, Any], ...] = ()
    if step.condition is not None:
        holds, note = _evaluated("if", step.condition, state.scope)
        evaluations = (note,)
        if not holds:
            return model.Skip(step.id, evaluations, why="its condition does not hold")
    return BY_KIND[step.kind](state, step, evaluations)


def _manual(_state: State, step: Step, evaluations: tuple[dict[str, Any], ...]) -> Command:
    return model.AwaitPerson(step.id, evaluations, waiting_for="a person who does this and marks it done")


def _decision(state: State, step: Step, evaluations: tuple[dict[str, Any], ...]) -> Command:
    if step.choose is not None:
        branch, note = _evaluated("choose", step.choose, state.scope)
        evaluations = (*evaluations, note)
        if branch is not None and branch not in step.branches:
            return model.Fail(step.id, evaluations, code="no_such_branch", why=f"choose yielded {branch!r}, which is no branch")
        if branch is not None:
            return model.Choose(step.id, evaluations, branch=str(branch))
    return model.AwaitPerson(step.id, evaluations, waiting_for="a person who decides")


def _action(state: State, step: Step, evaluations: tuple[dict[str, Any], ...]) -> Command:
    level = levels.of_step(state.level, step.level)
    ruling = policy.rule(
        level=level, facts=state.facts_of(step), drill=state.drill, stopped=state.stopped,
        approve_notifications=state.approve_notifications,
    )  # fmt: skip
    mark = ruling.way is Way.SHOW
    rendered = templates.compile_template(dict(step.params)).render(state.scope, unresolved="mark" if mark else "error")
    params: Any = rendered.value
    if ruling.way is Way.RUN:
        return model.Call(step.id, evaluations, params)
    if ruling.way is Way.ASK:
        return model.Ask(step.id, evaluations, params)
    if ruling.way is Way.SIMULATE:
        return model.Simulate(step.id, evaluations, params, queue=not state.drill)
    if ruling.way is Way.HOLD:
        return model.Block(step.id, evaluations, why=ruling.why)
    return model.AwaitPerson(step.id, evaluations, waiting_for="a person who does this and marks it done", params=params)


def _unavailable(_state: State, step: Step, evaluations: tuple[dict[str, Any], ...]) -> Command:
    return model.Fail(step.id, evaluations, code="not_available_yet", why=f"kind {step.kind.value} is not available yet")


BY_KIND: Mapping[StepKind, Callable[[State, Step, tuple[dict[str, Any], ...]], Command]] = {
    StepKind.ACTION: _action,
    StepKind.MANUAL: _manual,
    StepKind.DECISION: _decision,
    StepKind.WAIT: _unavailable,
    StepKind.PLAYBOOK: _unavailable,
}


def _evaluated(what: str, text: str, scope: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    evaluation = expressions.compile_expression(text).evaluate(scope, strict=False)
    return evaluation.value, {"what": what, "expression": text, "result": evaluation.value, "reads": dict(evaluation.reads)}


def after_error(step: Step) -> StepStatus:
    """Return where a step goes that failed for good."""
    return StepStatus.SKIPPED if step.on_error is ErrorMode.SKIP else StepStatus.FAILED
