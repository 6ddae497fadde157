"""The words of playbooks, executions and steps. No Django here: the engine reads them too."""

from enum import StrEnum


class Choices(StrEnum):
    """A string enum that model fields take as choices."""

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
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
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ABANDONED = "abandoned"
    ROLLING_BACK = "rolling_back"  #: Completed writes are being undone.
    ROLLED_BACK = "rolled_back"


class StepStatus(Choices):
    """Where a step is."""

    NOT_STARTED = "not_started"
    IN_PROGRESS = "in_progress"
    AWAITING_APPROVAL = "awaiting_approval"
    AWAITING_INPUT = "awaiting_input"
    COMPLETED = "completed"
    SKIPPED = "skipped"
    BLOCKED = "blocked"  #: Refused by policy, or held by an emergency stop.
    FAILED = "failed"
    SIMULATED = "simulated"  #: Dry-run; the real run is queued or was not asked for.
    UNCERTAIN = "uncertain"  #: The worker stopped in the middle of a write; a person has to say what happened.
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled_back"


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
