"""When an execution that waits has to be looked at again.

What is due farther ahead than its whole length was noted before a clock was set back, and counts anew from now on: that
costs its length once more, and no more.
"""

import datetime as dt
from collections.abc import Iterator, Mapping

from playbooks_app.choices import FINAL_EXECUTION, StepStatus
from playbooks_app.engine.model import AskToEnd, Command, Fail, Redate, RedateEnd, State, StepState, step_id_of
from playbooks_app.engine.states import HELD
from playbooks_app.spec import durations
from playbooks_app.spec.schema import Step, StepKind

EVERY = dt.timedelta(seconds=30)
SHORTEST = dt.timedelta(seconds=1)
#: What the clocks of several machines may differ by.
SKEW = dt.timedelta(seconds=5)
#: How a step stands that is under way without a call, whose time is kept here.
UNDER_WAY: Mapping[StepKind, StepStatus] = {
    StepKind.WAIT: StepStatus.IN_PROGRESS,
    StepKind.PLAYBOOK: StepStatus.IN_PROGRESS,
    StepKind.MANUAL: StepStatus.AWAITING_INPUT,
    StepKind.DECISION: StepStatus.AWAITING_INPUT,
}
LATE = "it was not over in its time"


def has_come(at: dt.datetime | None, now: dt.datetime) -> bool:
    """Return whether a time has come; none has always come."""
    return at is None or at <= now


def may_look(run: StepState, now: dt.datetime) -> bool:
    """Return whether a call of which nobody knows what became is looked for now: its time has come, or was counted wrongly."""
    return has_come(run.look_at, now) or _too_far(run.look_at, run.pause or dt.timedelta(0), now)


def next_look(state: State, now: dt.datetime) -> dt.datetime | None:
    """Return the first moment at which something is due by itself; None where only people can move it on."""
    found = [at for at in (retries(state, now), state.deadline, _timers(state, now)) if at is not None]
    return min(found, default=None)


def retries(state: State, now: dt.datetime) -> dt.datetime | None:
    """Return when the next call is tried again; one whose time has come is made, or waits for something else than time."""
    return min((run.retry_at for _, run in state.runs() if run.retry_at and run.retry_at > now and run.status in HELD), default=None)


def length(step: Step) -> dt.timedelta | None:
    """Return how long a step may take that makes no call; None where only what it waits for ends it."""
    return min((one for one in (step.duration, step.timeout) if one is not None), default=None)


def ends_at(step: Step, run: StepState) -> dt.datetime | None:
    """Return when the time of a step is over that makes no call; noted anew, it is kept as its `retry_at`."""
    most = length(step)
    return run.retry_at or (run.started_at + most if run.started_at and most is not None else None)


def overdue(state: State, now: dt.datetime) -> list[Command]:
    """Return what becomes of the steps that people, or executions below, have not brought to their end in time.

    A step is not over while what it started may still write: that is asked to end, and then ends it.
    """
    late = [
        (run_id, step) for run_id, step, run in _under_way(state)
        if step.kind is not StepKind.WAIT and run.child not in FINAL_EXECUTION and (at := ends_at(step, run)) is not None and at <= now
    ]  # fmt: skip
    return [
        AskToEnd(run_id, code="timeout", why=LATE) if step.kind is StepKind.PLAYBOOK else Fail(run_id, code="timeout", why=LATE)
        for run_id, step in late
    ]


def misdated(state: State, now: dt.datetime) -> list[Command]:
    """Return what counts its time anew."""
    found: list[Command] = [
        Redate(run_id, at=now + run.pause)
        for run_id, run in state.runs()
        if run.pause is not None and run.status in HELD and _too_far(run.retry_at, run.pause, now)
    ]
    for run_id, step, run in _under_way(state):
        most = length(step)
        if most is not None and _too_far(ends_at(step, run), most, now):
            found.append(Redate(run_id, at=now + most))
    whole = state.playbook.timeout
    if whole is not None and state.status not in FINAL_EXECUTION and _too_far(state.deadline, whole, now):
        found.append(RedateEnd(now + whole))
    return found


def _too_far(at: dt.datetime | None, most: dt.timedelta, now: dt.datetime) -> bool:
    return at is not None and at > now + most + SKEW


def _under_way(state: State) -> Iterator[tuple[str, Step, StepState]]:
    """Yield the steps and iterations that make no call and whose time runs."""
    steps = {step.id: step for step in state.playbook.steps}
    for run_id, run in state.runs():
        step = steps[step_id_of(run_id)]
        if run.status is UNDER_WAY.get(step.kind) and not run.expanded and not run.asked_to_end:
            yield run_id, step, run


def words(step: Step) -> str:
    """Return in words what a wait waits for."""
    parts = [f"until {step.until}"] if step.until else []
    parts += [f"{durations.render(step.duration)} to pass"] if step.duration else []
    return " or ".join(parts)


def _timers(state: State, now: dt.datetime) -> dt.datetime | None:
    return min((at for _, step, run in _under_way(state) for at in _of(step, run, now)), default=None)


def _of(step: Step, run: StepState, now: dt.datetime) -> Iterator[dt.datetime]:
    at = ends_at(step, run)
    if at is not None:
        yield at
    if step.until:
        yield now + max(step.every or EVERY, SHORTEST)
