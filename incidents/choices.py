"""The words of alerts and incidents."""

from django.db.models import TextChoices


class Severity(TextChoices):
    """How bad it is, the worst first."""

    SEV1 = "SEV1", "SEV1 · critical"
    SEV2 = "SEV2", "SEV2 · high"
    SEV3 = "SEV3", "SEV3 · medium"
    SEV4 = "SEV4", "SEV4 · low"
    SEV5 = "SEV5", "SEV5 · informational"


class IncidentStatus(TextChoices):
    """Where an incident is."""

    OPEN = "open", "Open"
    MITIGATED = "mitigated", "Mitigated"
    MONITORING = "monitoring", "Monitoring"
    RESOLVED = "resolved", "Resolved"


INCIDENT_TRANSITIONS: dict[str, frozenset[str]] = {
    IncidentStatus.OPEN: frozenset({IncidentStatus.MITIGATED, IncidentStatus.RESOLVED}),
    IncidentStatus.MITIGATED: frozenset({IncidentStatus.MONITORING, IncidentStatus.RESOLVED, IncidentStatus.OPEN}),
    IncidentStatus.MONITORING: frozenset({IncidentStatus.RESOLVED, IncidentStatus.OPEN}),
    IncidentStatus.RESOLVED: frozenset({IncidentStatus.OPEN}),
}


class IncidentRole(TextChoices):
    """What somebody does in an incident."""

    COMMANDER = "commander", "Commander"
    COMMUNICATIONS = "communications", "Communications"
    SCRIBE = "scribe", "Scribe"
    OPERATIONS = "operations", "Operations"
