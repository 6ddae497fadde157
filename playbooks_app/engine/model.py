"""What the engine is shown, and what it answers: frozen, and free of any framework."""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from playbooks_app.choices import ExecutionStatus, StepStatus
from playbooks_app.spec.schema import Level, Playbook, Step


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What the adapter that would carry out a step declares. An action that nobody declares is an irreversible write."""

    effect: str = "irreversible"
    notification: bool = False
    repeatable: bool = False


class StepState(NamedTuple):
    """A step as it stands, or one iteration of a step with `for_each`.

    `pause` is how long `retry_at` was put off, and `doubt` says that a try before was not answered; where it `is_left_open`
    nothing is tried any more, and a person says what became of that. `order` counts completions; `approval` is the state of its
    request, `on_timeout` its rule; `calling` says that a call of it was begun and not concluded, and `look_at` when that, or its
    undo's, is looked for again, or its undo tried again; `child` is the status of the execution that it started, `asked_to_end` says
    that this one was asked to, and `undoing_below` that it was asked to undo what it did, and is not done with it.
    """

    status: StepStatus = StepStatus.NOT_STARTED
    output: Any = None
    mode: str = ""
    decision: str = ""
    attempt: int = 0
    order: tuple[int, int] = (0, 0)
    effect: str = ""
    approval: str = ""
    on_timeout: str = "halt"
    retry_at: dt.datetime | None = None
    pause: dt.timedelta | None = None
    started_at: dt.datetime | None = None
    undo: StepStatus | None = None
    undoable: bool = False
    refused: bool = False
    doubt: bool = False
    is_left_open: bool = False
    calling: bool = False
    look_at: dt.datetime | None = None
    child: ExecutionStatus | None = None
    undoing_below: bool = False
    asked_to_end: bool = False
    expanded: bool = False
    iterations: tuple["StepState", ...] = ()

    @property
    def has_consent(self) -> bool:
        """Whether people were asked and decided, so that it waits for something else: its next try, or the end of a stop."""
        return self.status is StepStatus.AWAITING_APPROVAL and self.approval not in ("", "pending")


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """An execution as it stands, with all that decisions read. `in_flight` names the calls that this driver waits for."""

    playbook: Playbook
    status: ExecutionStatus
    level: Level
    steps: Mapping[str, StepState]
    scope: Mapping[str, Any]
    facts: Mapping[str, Facts] = dataclasses.field(default_factory=dict)
    drill: bool = False
    stopped: bool = False
    approve_notifications: bool = False
    control: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    deadline: dt.datetime | None = None
    in_flight: frozenset[str] = frozenset()

    @property
    def paused(self) -> bool:
        """Whether it stands still for a person; one that is to be cancelled or rolled back ends all the same."""
        return "pause" in self.control and not {"cancel", "rollback"} & set(self.control)

    def step(self, step_id: str) -> Step:
        """Return a step of the playbook by its id."""
        return next(step for step in self.playbook.steps if step.id == step_id)

    def facts_of(self, step: Step) -> Facts:
        """Return what is declared of a step's action."""
        return self.facts.get(step.id, Facts())

    def run(self, run_id: str) -> StepState:
        """Return a step, or an iteration, by its id."""
        return next(run for found, run in self.runs() if found == run_id)

    def runs(self) -> Iterator[tuple[str, StepState]]:
        """Yield every step with its id, and after a step with `for_each` its iterations, such as `sweep[0]`."""
        for step_id, run in self.steps.items():
            yield step_id, run
            for number, iteration in enumerate(run.iterations):
                yield iteration_id(step_id, number), iteration


def iteration_id(step_id: str, number: int) -> str:
    """Return the id of an iteration of a step, counted from 0."""
    return f"{step_id}[{number}]"


def step_id_of(run_id: str) -> str:
    """Return the id in the playbook of the step to which an iteration belongs; a step's own is itself."""
    return run_id.partition("[")[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Wake:
    """The event that makes the engine look: something has changed, or its time has come."""

    now: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class Command:
    """Base of what the engine answers."""


@dataclasses.dataclass(frozen=True, slots=True)
class OfStep(Command):
    """A command about one step, with the conditions that led to it and the values that these read."""

    step: str
    evaluations: tuple[dict[str, Any], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Call(OfStep):
    """Make the call of a step for real."""

    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class CallItem(OfStep):
    """Make the call of one iteration for real, with the parameters that it was expanded with."""


@dataclasses.dataclass(frozen=True, slots=True)
class CallApproved(OfStep):
    """Make the call that people approved, if it is still the same."""


@dataclasses.dataclass(frozen=True, slots=True)
class Ask(OfStep):
    """Ask people before the call is made."""

    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Simulate(OfStep):
    """Rehearse the call; `queue` asks people whether to make it for real."""

    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    queue: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Expand(OfStep):
    """Make an iteration for each item of a step with `for_each`, and `then` run, ask for or simulate all of them."""

    items: tuple[Any, ...] = ()
    params: tuple[Mapping[str, Any], ...] = ()
    then: Literal["run", "ask", "simulate"] = "run"
    queue: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class Gather(OfStep):
    """End a step with `for_each` whose iterations have ended, or of which no more will start."""

    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class AwaitTime(OfStep):
    """Let a step wait for a time or a condition, without a worker."""

    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Complete(OfStep):
    """Complete a step that makes no call."""

    output: Any = None


@dataclasses.dataclass(frozen=True, slots=True)
class StartChild(OfStep):
    """Start the playbook of a step as an execution of its own."""

    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class EndChild(OfStep):
    """End a step whose child execution has ended."""


@dataclasses.dataclass(frozen=True, slots=True)
class AskToEnd(OfStep):
    """Ask the child execution of a step to end."""

    code: str = "above_ends"
    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class AwaitPerson(OfStep):
    """Wait until a person has acted or chosen."""

    waiting_for: str = "a person"
    params: Any = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Choose(OfStep):
    """Record the branch that a decision took."""

    branch: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Skip(OfStep):
    """Skip a step, and say why."""

    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Fail(OfStep):
    """Fail a step, and say why."""

    code: str = "failed"
    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Block(OfStep):
    """Hold a step back: an emergency stop stands."""

    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Unblock(OfStep):
    """Let a held step start again."""


@dataclasses.dataclass(frozen=True, slots=True)
class Recover(OfStep):
    """Find out what became of a call whose worker stopped."""


@dataclasses.dataclass(frozen=True, slots=True)
class Undo(OfStep):
    """Take a completed write back, or all that was done below a step."""


@dataclasses.dataclass(frozen=True, slots=True)
class Redate(OfStep):
    """Count the pause of a step anew, which was noted before a clock was set back."""

    at: dt.datetime = dataclasses.field(kw_only=True)


@dataclasses.dataclass(frozen=True, slots=True)
class RedateEnd(Command):
    """The same for the time of the whole execution."""

    at: dt.datetime


@dataclasses.dataclass(frozen=True, slots=True)
class CancelRest(Command):
    """Cancel every step that has not ended, and withdraw what was asked for; what is in doubt stays to be answered."""

    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class RollBack(Command):
    """Start undoing, keeping the outcome so far."""

    outcome: Literal["failed", "cancelled", "completed", "abandoned"]
    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Finish(Command):
    """End the execution."""

    status: ExecutionStatus
    why: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Rest(Command):
    """Do nothing until something happens, or until `wake_at`."""

    status: ExecutionStatus
    wake_at: dt.datetime | None = None
