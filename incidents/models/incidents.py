"""Incidents, who does what in them, and what they are linked to."""

from django.conf import settings
from django.db import models

from accounts.models import Environment, Governed
from core import clock, ids
from incidents.choices import IncidentRole, IncidentStatus, Severity


class Incident(Governed):
    """Something that people work on together until it is resolved. Notes and changes are its journal stream."""

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=300)
    summary = models.TextField(blank=True)
    severity = models.CharField(max_length=4, choices=Severity, default=Severity.SEV3)
    category = models.CharField(max_length=64, blank=True)
    techniques = models.JSONField(default=list, blank=True)
    status = models.CharField(max_length=10, choices=IncidentStatus, default=IncidentStatus.OPEN)
    declared_by = models.CharField(max_length=150)
    idempotency_key = models.CharField(max_length=64, blank=True, editable=False, help_text="Of the step that declared it.")
    occurred_at = models.DateTimeField(null=True, blank=True)
    detected_at = models.DateTimeField(null=True, blank=True)
    declared_at = models.DateTimeField(default=clock.now)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    mitigated_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "number"], name="incident_number_once"),
            models.UniqueConstraint(
                fields=["tenant", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="incident_once_per_key",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "status", "-id"], name="incident_open")]

    def __str__(self) -> str:
        return f"INC-{self.number} {self.title}"


class IncidentNote(models.Model):
    """What somebody wrote; the journal keeps its digest."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.PROTECT, related_name="notes")
    author = models.CharField(max_length=150)
    text = models.TextField()
    at = models.DateTimeField(default=clock.now)


class IncidentRoleAssignment(models.Model):
    """Who has which role in an incident."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="roles")
    role = models.CharField(max_length=16, choices=IncidentRole)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "role"], name="one_person_per_role")]


class IncidentLink(models.Model):
    """What an incident is linked to, by kind and id: alert, execution, bundle."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="links")
    kind = models.CharField(max_length=32)
    ref_id = models.CharField(max_length=64)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["incident", "kind", "ref_id"], name="linked_once")]
        indexes = [models.Index(fields=["kind", "ref_id"], name="incident_link_target")]
