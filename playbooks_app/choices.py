"""The words of playbooks, executions and steps. No Django here: the engine reads them too."""

from enum import StrEnum


class Choices(StrEnum):
    """A string enum that model fields take as choices."""

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        """Return the members as a model field takes them."""
        return [(member.value, member.value.replace("_", " ").capitalize()) for member in cls]


class VersionStatus(Choices):
    """Where a playbook version is."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    ACTIVE = "active"
    RETIRED = "retired"


class ExecutionStatus(Choices):
    """Where an execution is."""

    IDLE = "idle"  #: Created; no worker has looked at it.
    PLANNING = "planning"  #: Enrichment, level and policy pre-check.
    EXECUTING = "executing"  #: A step is under way or ready.
    AWAITING_APPROVAL = "awaiting_approval"  #: Nothing can go on before people decide.
    AWAITING_INPUT = "awaiting_input"  #: A person has to act, choose, or say what happened.
    WAITING = "waiting"  #: Nothing can go on before a moment has come.
    PAUSED = "paused"  #: A person paused it.
    COMPLETED = "completed"  #: Every step has ended, and none stopped it.
    FAILED = "failed"  #: A step failed that halts it, or its time ran out.
    CANCELLED = "cancelled"  #: A person cancelled it; calls in flight were finished.
    ABANDONED = "abandoned"  #: A person gave it up.
    ROLLING_BACK = "rolling_back"  #: Completed writes are being undone.
    ROLLED_BACK = "rolled_back"  #: What could be undone was undone.


class StepStatus(Choices):
    """Where a step is."""

    NOT_STARTED = "not_started"  #: What it needs has not ended yet.
    IN_PROGRESS = "in_progress"  #: Its call is being made.
    AWAITING_APPROVAL = "awaiting_approval"  #: People decide whether it may be carried out.
    AWAITING_INPUT = "awaiting_input"  #: A person does it, or chooses.
    COMPLETED = "completed"  #: Done.
    SKIPPED = "skipped"  #: Its condition did not hold, its branch was not chosen, or a person skipped it.
    BLOCKED = "blocked"  #: Refused by policy, or held by an emergency stop.
    FAILED = "failed"  #: It was tried, and did not happen.
    SIMULATED = "simulated"  #: Dry-run; the real run is queued or was not asked for.
    UNCERTAIN = "uncertain"  #: The worker stopped in the middle of a write; a person has to say what happened.
    CANCELLED = "cancelled"  #: The execution was cancelled before it ran.
    ROLLED_BACK = "rolled_back"  #: It was done, and undone.


class StepMode(Choices):
    """How a step was carried out."""

    REAL = "real"
    SIMULATED = "simulated"
    MANUAL = "manual"


FINAL_EXECUTION = frozenset(
    {
        ExecutionStatus.COMPLETED,
        ExecutionStatus.FAILED,
        ExecutionStatus.CANCELLED,
        ExecutionStatus.ABANDONED,
        ExecutionStatus.ROLLED_BACK,
    }
)
