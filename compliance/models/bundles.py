"""Evidence bundles and their artifacts. A sealed bundle never changes."""

from django.db import models

from accounts.models import Environment, Governed
from compliance.choices import ArtifactKind, BundleStatus
from compliance.models.frameworks import Control
from core import clock, ids
from playbooks_app.models import Execution


class EvidenceBundle(Governed):
    """What proves that something was done in a period, for these controls."""

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, null=True, related_name="+")
    title = models.CharField(max_length=300)
    execution = models.OneToOneField(Execution, on_delete=models.PROTECT, null=True, blank=True, related_name="bundle")
    controls = models.ManyToManyField(Control, through="ControlEvidence", related_name="bundles", blank=True)
    status = models.CharField(max_length=10, choices=BundleStatus, default=BundleStatus.OPEN)
    passed = models.BooleanField(null=True, help_text="Whether the workflow did what the control asks.")
    period_from = models.DateTimeField()
    period_until = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    sealed_at = models.DateTimeField(null=True)
    sealed_by = models.CharField(max_length=150, blank=True)
    manifest_sha256 = models.CharField(max_length=64, blank=True)
    files = models.JSONField(default=list, help_text="The pack's files: path, sha256 of the blob, size.")
    envelope = models.JSONField(null=True, help_text="DSSE envelope of the in-toto Statement over the manifest.")
    omissions = models.JSONField(default=list)
    previous_digest = models.CharField(max_length=64, blank=True)
    supersedes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, blank=True, related_name="superseded_by")

    class Meta:
        indexes = [models.Index(fields=["tenant", "-id"], name="bundle_recent")]

    def __str__(self) -> str:
        return self.title


class ControlEvidence(models.Model):
    """That a bundle speaks of a control, of which moment, and whether it passed: what coverage is computed from."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    bundle = models.ForeignKey(EvidenceBundle, on_delete=models.PROTECT, related_name="evidence")
    control = models.ForeignKey(Control, on_delete=models.PROTECT, related_name="evidence")
    effective_at = models.DateTimeField()
    passed = models.BooleanField(null=True, help_text="Empty: not checked, which never counts as a pass.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bundle", "control"], name="control_once_per_bundle")]
        indexes = [models.Index(fields=["control", "passed", "-effective_at"], name="evidence_newest")]


class Artifact(models.Model):
    """One piece of evidence: content by its sha256, and the time that it speaks of."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    bundle = models.ForeignKey(EvidenceBundle, on_delete=models.PROTECT, related_name="artifacts")
    kind = models.CharField(max_length=10, choices=ArtifactKind)
    name = models.CharField(max_length=300)
    media_type = models.CharField(max_length=100, default="application/json")
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    source = models.CharField(max_length=200)
    step = models.CharField(max_length=128, blank=True)
    effective_at = models.DateTimeField()
    received_at = models.DateTimeField(default=clock.now)
    valid_until = models.DateTimeField(null=True, blank=True)
    passed = models.BooleanField(null=True)
    redactions = models.JSONField(default=list)

    class Meta:
        indexes = [models.Index(fields=["bundle", "kind"], name="artifact_by_bundle")]
