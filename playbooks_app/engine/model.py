"""What the engine is shown, and what it answers: frozen, and free of any framework."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

from playbooks_app.choices import ExecutionStatus, StepStatus
from playbooks_app.spec.schema import Level, Playbook, Step


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """What the adapter that would carry out a step declares. An action that nobody declares is an irreversible write."""

    effect: str = "irreversible"
    notification: bool = False
    repeatable: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class StepState:
    """A step as it stands. `order` counts completions; `approval` is the state of its request, `on_timeout` its rule."""

    status: StepStatus = StepStatus.NOT_STARTED
    output: Any = None
    mode: str = ""
    decision: str = ""
    attempt: int = 0
    order: int = 0
    effect: str = ""
    approval: str = ""
    on_timeout: str = "halt"
    retry_at: dt.datetime | None = None
    undo: StepStatus | None = None
    undoable: bool = False
    refused: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """An execution as it stands, with all that decisions read."""

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

    def step(self, step_id: str) -> Step:
        """Return a step of the playbook by its id."""
        return next(step for step in self.playbook.steps if step.id == step_id)

    def facts_of(self, step: Step) -> Facts:
        """Return what is declared of a step's action."""
        return self.facts.get(step.id, Facts())


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
class AwaitPerson(OfStep):
    """Wait until a person has acted or chosen."""

    waiting_for: str = "a person"
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)


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
    """Take a completed write back."""


@dataclasses.dataclass(frozen=True, slots=True)
class CancelRest(Command):
    """Cancel every step that has not ended, and withdraw what was asked for."""

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
