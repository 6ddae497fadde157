"""When an execution that waits has to be looked at again."""

import datetime as dt
from collections.abc import Iterator

from playbooks_app.choices import StepStatus
from playbooks_app.engine.model import State, StepState
from playbooks_app.spec import durations
from playbooks_app.spec.schema import Step, StepKind

EVERY = dt.timedelta(seconds=30)
SHORTEST = dt.timedelta(seconds=1)


def has_come(at: dt.datetime | None, now: dt.datetime) -> bool:
    """Return whether a time has come; none has always come."""
    return at is None or at <= now


def next_look(state: State, now: dt.datetime) -> dt.datetime | None:
    """Return the first moment at which something is due by itself; None where only people can move it on."""
    found = [at for at in (retries(state), state.deadline, _timers(state, now)) if at is not None]
    return min(found, default=None)


def retries(state: State) -> dt.datetime | None:
    """Return when the next call is tried again."""
    held = (StepStatus.NOT_STARTED, StepStatus.AWAITING_APPROVAL, StepStatus.SIMULATED)
    return min((run.retry_at for _, run in state.runs() if run.retry_at and run.status in held), default=None)


def words(step: Step) -> str:
    """Return in words what a wait waits for."""
    parts = [f"until {step.until}"] if step.until else []
    parts += [f"{durations.render(step.duration)} to pass"] if step.duration else []
    return " or ".join(parts)


def _timers(state: State, now: dt.datetime) -> dt.datetime | None:
    found = (
        at
        for step in state.playbook.steps
        if step.kind is StepKind.WAIT and state.steps[step.id].status is StepStatus.IN_PROGRESS
        for at in _of(step, state.steps[step.id], now)
    )
    return min(found, default=None)


def _of(step: Step, run: StepState, now: dt.datetime) -> Iterator[dt.datetime]:
    started = run.started_at or now
    if step.duration:
        yield started + step.duration
    if step.timeout:
        yield started + step.timeout
    if step.until:
        yield now + max(step.every or EVERY, SHORTEST)
