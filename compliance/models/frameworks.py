"""Frameworks and their controls; what is mapped to them, from when until when."""

from django.conf import settings
from django.db import models
from simple_history.models import HistoricalRecords

from accounts.models import Environment, Governed
from playbooks_app.models import Playbook


class Framework(Governed):
    """A version of a catalogue that a tenant works with."""

    slug = models.SlugField(max_length=64)
    name = models.CharField(max_length=300)
    version = models.CharField(max_length=64, blank=True)
    source_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "slug", "version"], name="framework_version_once")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


class Control(Governed):
    """One control of a framework. `identifier` is the catalogue's, `label` what people call it (`IR-4`)."""

    framework = models.ForeignKey(Framework, on_delete=models.CASCADE, related_name="controls")
    identifier = models.CharField(max_length=64)
    label = models.CharField(max_length=64)
    title = models.CharField(max_length=500)
    family = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    position = models.PositiveIntegerField(default=0)
    freshness_days = models.PositiveSmallIntegerField(default=90)
    applicable = models.BooleanField(default=True)
    applicability_reason = models.CharField(max_length=500, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    history = HistoricalRecords(excluded_fields=["text"])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["framework", "identifier"], name="control_once_per_framework")]
        indexes = [models.Index(fields=["tenant", "framework", "position"], name="control_in_order")]

    def __str__(self) -> str:
        return f"{self.label} {self.title}"


class Mapping(Governed):
    """A playbook serves a control, within an interval, with the evidence that a selector picks."""

    control = models.ForeignKey(Control, on_delete=models.CASCADE, related_name="mappings")
    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="control_mappings")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    selector = models.JSONField(default=dict, blank=True, help_text="Which steps' evidence counts; empty: all.")
    rationale = models.TextField(blank=True)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField(null=True, blank=True)
    history = HistoricalRecords()

    class Meta:
        indexes = [models.Index(fields=["tenant", "playbook"], name="mapping_by_playbook")]


class ControlException(Governed):
    """An accepted risk, with an end."""

    control = models.ForeignKey(Control, on_delete=models.CASCADE, related_name="exceptions")
    reason = models.TextField()
    accepted_by = models.CharField(max_length=150)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    history = HistoricalRecords()
