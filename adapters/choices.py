"""The words of adapters and calls."""

from enum import StrEnum

from django.db.models import TextChoices


class Effect(StrEnum):
    """What an action does to the world. An action that declares none is irreversible."""

    READ = "read"
    REVERSIBLE = "reversible"
    IRREVERSIBLE = "irreversible"

    @property
    def is_write(self) -> bool:
        """Whether it changes something outside."""
        return self is not Effect.READ


class Mode(TextChoices):
    """Whether an instance reaches its vendor."""

    MOCK = "mock", "Mock"
    LIVE = "live", "Live"


class Health(TextChoices):
    """The answer of the last connection check."""

    UNKNOWN = "unknown", "Not checked"
    HEALTHY = "healthy", "Healthy"
    UNHEALTHY = "unhealthy", "Unhealthy"


class CallStatus(TextChoices):
    """Where a call is."""

    STARTED = "started", "Started"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    UNCERTAIN = "uncertain", "Uncertain"
    SIMULATED = "simulated", "Simulated"


class CallPurpose(TextChoices):
    """Why a call is made."""

    STEP = "step", "Step"
    UNDO = "undo", "Undo"
    LOOK = "look", "Look"
    ENRICH = "enrich", "Enrichment"
    CHECK = "check", "Connection check"
