"""What starting a step means, by its kind, and what one that is under way without a call does next."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Literal

from playbooks_app.choices import FINAL_EXECUTION
from playbooks_app.engine import flow, levels, loops, model, policy, times
from playbooks_app.engine.model import Command, State
from playbooks_app.engine.policy import Way
from playbooks_app.spec import expressions, templates
from playbooks_app.spec.schema import Step, StepKind

Evaluations = tuple[dict[str, Any], ...]

#: What happens to all items of a step, by what the policy says of its action.
FOR_ALL: Mapping[Way, Literal["run", "ask", "simulate"]] = {Way.RUN: "run", Way.ASK: "ask", Way.SIMULATE: "simulate"}


def start(state: State, step: Step) -> Command:
    """Return what starting `step` means; a mistake in one of its expressions fails it, by its rule for errors."""
    why = flow.left_out(state, step)
    if why:
        return model.Skip(step.id, why=why)
    try:
        return _begun(state, step)
    except expressions.ExpressionError as error:
        return _wrong(step, error)


def goes_on(state: State, step: Step, now: dt.datetime) -> list[Command]:
    """Return what a step that is under way, and waits for no call of its own, does next."""
    run = state.steps[step.id]
    if run.expanded:
        return loops.go_on(state, step, now)
    if step.kind is StepKind.WAIT:
        try:
            return _waited(state, step, now)
        except expressions.ExpressionError as error:
            return [_wrong(step, error)]
    return [model.EndChild(step.id)] if run.child in FINAL_EXECUTION else []


def evaluated(what: str, text: str, scope: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return the value of an expression, and the note of what it read."""
    evaluation = expressions.compile_expression(text).evaluate(scope, strict=False)
    return evaluation.value, {"what": what, "expression": text, "result": evaluation.value, "reads": dict(evaluation.reads)}


def _wrong(step: Step, error: expressions.ExpressionError) -> Command:
    what = f"{error.parameter}: {error}" if error.parameter else str(error)
    return model.Fail(step.id, code="expression", why=what)


def _begun(state: State, step: Step) -> Command:
    evaluations: Evaluations = ()
    if step.condition is not None:
        holds, note = evaluated("if", step.condition, state.scope)
        evaluations = (note,)
        if not holds:
            return model.Skip(step.id, evaluations, why="its condition does not hold")
    return BY_KIND[step.kind](state, step, evaluations)


def _manual(_state: State, step: Step, evaluations: Evaluations) -> Command:
    return model.AwaitPerson(step.id, evaluations, waiting_for="a person who does this and marks it done")


def _decision(state: State, step: Step, evaluations: Evaluations) -> Command:
    if step.choose is not None:
        branch, note = evaluated("choose", step.choose, state.scope)
        evaluations = (*evaluations, note)
        if branch is not None and branch not in step.branches:
            return model.Fail(step.id, evaluations, code="no_such_branch", why=f"choose yielded {branch!r}, which is no branch")
        if branch is not None:
            return model.Choose(step.id, evaluations, branch=str(branch))
    return model.AwaitPerson(step.id, evaluations, waiting_for="a person who decides")


def _action(state: State, step: Step, evaluations: Evaluations) -> Command:
    level = levels.of_step(state.level, step.level)
    ruling = policy.rule(
        level=level, facts=state.facts_of(step), drill=state.drill, stopped=state.stopped,
        approve_notifications=state.approve_notifications,
    )  # fmt: skip
    if ruling.way is Way.HOLD:
        return model.Block(step.id, evaluations, why=ruling.why)
    if step.for_each is not None:
        return _each(state, step, evaluations, ruling.way)
    rendered = templates.compile_template(step.params).render(
        state.scope, unresolved="mark" if ruling.way is Way.SHOW else "error"
    )
    params: Any = rendered.value
    if ruling.way is Way.RUN:
        return model.Call(step.id, evaluations, params)
    if ruling.way is Way.ASK:
        return model.Ask(step.id, evaluations, params)
    if ruling.way is Way.SIMULATE:
        return model.Simulate(step.id, evaluations, params, queue=not state.drill)
    return model.AwaitPerson(step.id, evaluations, waiting_for="a person who does this and marks it done", params=params)


def _each(state: State, step: Step, evaluations: Evaluations, way: Way) -> Command:
    items, params = loops.expanded(state, step, mark=way is Way.SHOW)
    if way is Way.SHOW:
        return model.AwaitPerson(
            step.id, evaluations, waiting_for="a person who does this and marks it done", params=list(params)
        )
    if not items:
        return model.Complete(step.id, evaluations, [])
    return model.Expand(step.id, evaluations, items, params, FOR_ALL[way], queue=not state.drill)


def _wait(state: State, step: Step, evaluations: Evaluations) -> Command:
    if step.until is not None:
        holds, note = evaluated("until", step.until, state.scope)
        evaluations = (*evaluations, note)
        if holds:
            return model.Complete(step.id, evaluations, {"held": True})
    return model.AwaitTime(step.id, evaluations, why=times.words(step))


def _waited(state: State, step: Step, now: dt.datetime) -> list[Command]:
    run, evaluations = state.steps[step.id], ()
    if step.until is not None:
        holds, note = evaluated("until", step.until, state.scope)
        evaluations = (note,)  # type: ignore[assignment]
        if holds:
            return [model.Complete(step.id, evaluations, {"held": True})]
    at = times.ends_at(step, run)
    if at is None or at > now:
        return []
    if step.duration is not None and step.duration == times.length(step):
        return [model.Complete(step.id, evaluations, {"held": step.until is None})]
    return [model.Fail(step.id, evaluations, code="timeout", why="its condition did not hold in time")]


def _playbook(state: State, step: Step, evaluations: Evaluations) -> Command:
    if step.for_each is not None:
        return _each(state, step, evaluations, Way.RUN)
    params: Any = templates.compile_template(step.params).render(state.scope).value
    return model.StartChild(step.id, evaluations, params)


BY_KIND: Mapping[StepKind, Callable[[State, Step, Evaluations], Command]] = {
    StepKind.ACTION: _action,
    StepKind.MANUAL: _manual,
    StepKind.DECISION: _decision,
    StepKind.WAIT: _wait,
    StepKind.PLAYBOOK: _playbook,
}
