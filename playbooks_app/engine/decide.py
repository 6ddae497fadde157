"""What to do next, from the state alone."""

import datetime as dt
from collections.abc import Iterator

from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepStatus
from playbooks_app.engine import flow, loops, model, starting, times
from playbooks_app.engine.model import Command, State, StepState, Wake
from playbooks_app.engine.states import ENDED
from playbooks_app.spec.schema import ErrorMode, Step

WAITING_FOR_CONSENT = (StepStatus.AWAITING_APPROVAL, StepStatus.SIMULATED)


def decide(state: State, event: Wake) -> list[Command]:
    """Return what to do next. Whoever runs it does all of it and asks again, until a Rest or Finish is among the answers.

    A Rest in `executing` means: wait for the calls in flight.
    """
    for rule in (_end_below, _recover, _look_later, _undo, _ended, _asked_to_end, _halt, _begun_to_end, _paused, _approved, _decided, _unblock):
        commands = rule(state, event.now)
        if commands:
            return commands
    return _go_on(state, event.now)


def _end_below(state: State, now: dt.datetime) -> list[Command]:
    """Nothing new begins below an execution that is about to end, whatever that waits for itself."""
    if state.status in FINAL_EXECUTION or state.status is ExecutionStatus.ROLLING_BACK:
        return []
    below = [run_id for run_id, run in state.runs() if run.child and run.child not in FINAL_EXECUTION and not run.asked_to_end]
    if not below or not (_asked_to_end(state, now) or _halt(state, now)):
        return []
    return [model.AskToEnd(run_id, why="it is about to end itself") for run_id in below]


def _recover(state: State, now: dt.datetime) -> list[Command]:
    """A call that was begun, and for which nobody waits, was left by a worker that stopped."""
    left = ((run_id, run) for run_id, run in state.runs() if run.calling and run_id not in state.in_flight)
    return [model.Recover(run_id) for run_id, run in left if times.may_look(run, now)]


def _look_later(state: State, now: dt.datetime) -> list[Command]:
    """While a write that was not found may still be under way, nothing is begun, nor concluded from it."""
    at = min((run.look_at for _, run in state.runs() if run.look_at and not times.may_look(run, now)), default=None)
    if at is None:
        return []
    if state.status in FINAL_EXECUTION or state.status is ExecutionStatus.ROLLING_BACK:
        return [model.Rest(state.status, at)]
    return [model.Rest(ExecutionStatus.PAUSED if state.paused else flow.resting(state), at)]


def _undo(state: State, now: dt.datetime) -> list[Command]:
    """While rolling back, what was done is undone one by one, last first; an emergency stop holds that up too.

    What was done below is undone before what was done here before it. While nobody knows whether a write happened, nothing is
    undone that came before; an undo of which nobody knows keeps no other waiting, and at last a person is waited for.
    """
    if state.status is not ExecutionStatus.ROLLING_BACK:
        return []
    wait: list[Command] = [model.Rest(ExecutionStatus.ROLLING_BACK)]
    if state.in_flight or flow.in_doubt(state):
        return wait
    gathered = _gathered(state, now)
    if gathered:
        # Of what was clicked, all is known now: it is told before it is undone.
        return gathered
    rest = flow.undoable(state)
    if rest:
        return wait if state.stopped or state.run(rest[0]).undoing_below else [model.Undo(rest[0])]
    unknown = any(run.undo is StepStatus.UNCERTAIN for _, run in state.runs())
    return wait if unknown else [model.Finish(ExecutionStatus.ROLLED_BACK)]


def _ended(state: State, now: dt.datetime) -> list[Command]:
    """An execution that has ended calls what was queued and is approved now, and rolls back where somebody asks for it."""
    if state.status not in FINAL_EXECUTION:
        return []
    outcome = state.status.value
    asked = state.control.get("rollback")
    # Asked for after the end, it is rolled back also where it turns out that nothing was done: what was clicked is not sent any more.
    by_itself = state.status in (ExecutionStatus.COMPLETED, ExecutionStatus.FAILED)
    if asked and outcome != "rolled_back" and (asked.get("above") or by_itself or flow.may_be_undone(state)):
        why = "the execution above is rolled back" if asked.get("above") else "a person asked for it"
        return [model.RollBack(outcome, why)]  # type: ignore[arg-type]
    # Somebody had an undo looked for again that was in doubt when the execution was abandoned over it; nothing is sent for that.
    looked_for: list[Command] = [model.Undo(run_id) for run_id, run in state.runs() if run.undo is StepStatus.IN_PROGRESS]
    if looked_for:
        return looked_for
    rest: list[Command] = [model.Rest(state.status, times.retries(state, now))]
    if state.status is ExecutionStatus.ROLLED_BACK:
        # Whatever consent is left: what is undone is not done once more.
        return _gathered(state, now) or [model.Rest(state.status)]
    return _approved(state, now) or _gathered(state, now) or times.misdated(state, now) or rest


def _gathered(state: State, now: dt.datetime) -> list[Command]:
    """What was queued for each item, and approved after the end, is gathered after the end."""
    steps = (step for step in state.playbook.steps if state.steps[step.id].expanded)
    running = (step for step in steps if state.steps[step.id].status is StepStatus.IN_PROGRESS)
    return [command for step in running for command in loops.go_on(state, step, now) if isinstance(command, model.Gather)]


def _asked_to_end(state: State, now: dt.datetime) -> list[Command]:
    """A cancel, a rollback or the end of its time stops everything that has not started."""
    if state.control.get("rollback"):
        return _end(state, "cancelled", "a person asked to roll back", undo=True)
    if state.control.get("cancel"):
        return _end(state, "cancelled", "a person cancelled it", undo="cancel" in state.playbook.rollback.on)
    if state.deadline is not None and state.deadline <= now and not state.paused:
        return _time_out(state)
    return []


def _time_out(state: State) -> list[Command]:
    return _end(state, "failed", "its time has run out", undo="timeout" in state.playbook.rollback.on)


def _begun_to_end(state: State, _now: dt.datetime) -> list[Command]:
    """What was cancelled stays so where the clock, by which the time had run out, was set back before the end."""
    if state.paused or not any(run.status is StepStatus.CANCELLED for run in state.steps.values()):
        return []
    return _time_out(state)


def _halt(state: State, _now: dt.datetime) -> list[Command]:
    step_id = flow.halting(state)
    if not step_id or state.paused:
        # Its undos would start something, which waits for the end of the pause.
        return []
    return _end(state, "failed", f"the step {step_id} failed", undo="failure" in state.playbook.rollback.on)


def _end(state: State, outcome: str, why: str, *, undo: bool) -> list[Command]:
    if state.in_flight:
        # Calls that are under way finish first; nothing new starts meanwhile.
        return [model.Rest(ExecutionStatus.EXECUTING)]
    if any(run.status not in ENDED and not run.is_left_open for _, run in state.runs()):
        return [model.CancelRest(why)]
    uncertain = any(run.status is StepStatus.UNCERTAIN for _, run in state.runs())
    if (uncertain and outcome == "failed") or (undo and flow.in_doubt(state)):
        # Nobody knows yet what there is to undo; a person says what happened first.
        return [model.Rest(flow.resting(state))]
    if undo and flow.may_be_undone(state):
        return [model.RollBack(outcome, why)]  # type: ignore[arg-type]
    return [model.Finish(ExecutionStatus(outcome), why)]


def _paused(state: State, _now: dt.datetime) -> list[Command]:
    """While it is paused nothing starts; what is under way finishes and is recorded."""
    if not state.paused:
        return []
    return [model.Rest(ExecutionStatus.EXECUTING if state.in_flight else ExecutionStatus.PAUSED)]


def _approved(state: State, now: dt.datetime) -> list[Command]:
    """What people approved is called, also where it was a queued simulation of an execution that has ended."""
    # One that has ended is held by the pause of an execution above it alone.
    if state.stopped or "above" in state.control.get("pause", {}):
        return []
    return [model.CallApproved(run_id) for run_id in _callable(state, now)]


def _callable(state: State, now: dt.datetime) -> Iterator[str]:
    for step in state.playbook.steps:
        run = state.steps[step.id]
        if run.expanded:
            yield from loops.approved(state, step, now)
        elif run.approval == "approved" and run.status in WAITING_FOR_CONSENT and times.has_come(run.retry_at, now):
            yield step.id


def _decided(state: State, _now: dt.datetime) -> list[Command]:
    """A step whose request was refused, or ran out of time, follows the rule for that."""
    found = (
        _follow(step_id, run)
        for step_id, run in state.steps.items()
        if run.status is StepStatus.AWAITING_APPROVAL and run.approval
    )
    return [command for command in found if command is not None]


def _follow(step_id: str, run: StepState) -> Command | None:
    if run.approval == "rejected":
        return model.Fail(step_id, code="rejected", why="the approval was rejected")
    if run.approval == "expired" and run.on_timeout == "skip":
        return model.Skip(step_id, why="nobody decided in time")
    if run.approval == "expired":
        return model.Fail(step_id, code="approval_timeout", why="nobody decided in time")
    return model.Unblock(step_id) if run.approval == "withdrawn" else None


def _unblock(state: State, _now: dt.datetime) -> list[Command]:
    if state.stopped:
        return []
    return [model.Unblock(run_id) for run_id, run in state.runs() if run.status is StepStatus.BLOCKED and not run.refused]


def _go_on(state: State, now: dt.datetime) -> list[Command]:
    commands = [starting.start(state, step) for step in flow.ready(state, now)]
    for step in state.playbook.steps:
        run = state.steps[step.id]
        if run.status is StepStatus.IN_PROGRESS and not run.calling:
            commands += starting.goes_on(state, step, now)
    commands += times.overdue(state, now)
    if commands:
        return commands
    if state.in_flight:
        return [model.Rest(ExecutionStatus.EXECUTING)]
    if all(run.status in ENDED for run in state.steps.values()):
        return [model.Finish(ExecutionStatus.COMPLETED)]
    return times.misdated(state, now) or [model.Rest(flow.resting(state), times.next_look(state, now))]


def after_error(step: Step) -> StepStatus:
    """Return where a step goes that failed for good."""
    return StepStatus.SKIPPED if step.on_error is ErrorMode.SKIP else StepStatus.FAILED
