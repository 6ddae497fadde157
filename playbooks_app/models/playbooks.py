"""Playbooks and their versions, which never change."""

from django.conf import settings
from django.db import models

from accounts.models import Governed
from playbooks_app.choices import VersionStatus


class Playbook(Governed):
    """A playbook by its slug. What it does stands in its versions; at most one of them is active."""

    slug = models.SlugField(max_length=64)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    active_version = models.ForeignKey("PlaybookVersion", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    enabled = models.BooleanField(default=True, help_text="Whether alerts and people may start it.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="playbook_slug_once")]

    def __str__(self) -> str:
        return self.name


class PlaybookVersion(Governed):
    """One version: the source as written, its parsed form, and the sha256 of its canonical form."""

    playbook = models.ForeignKey(Playbook, on_delete=models.PROTECT, related_name="versions")
    number = models.CharField(max_length=32, help_text="Semantic version, such as 1.2.0.")
    source = models.TextField()
    document = models.JSONField()
    digest = models.CharField(max_length=64)
    level = models.CharField(max_length=2)
    techniques = models.JSONField(default=list)
    d3fend = models.JSONField(default=list)
    tags = models.JSONField(default=list)
    status = models.CharField(max_length=9, choices=VersionStatus.choices(), default=VersionStatus.DRAFT)
    author = models.CharField(max_length=200, blank=True)
    imported_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    activated_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    activated_at = models.DateTimeField(null=True)
    origin = models.CharField(max_length=64, default="import", help_text="Where it came from: library, import, api.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["playbook", "number"], name="version_number_once"),
            models.UniqueConstraint(
                fields=["playbook"], condition=models.Q(status=VersionStatus.ACTIVE), name="one_active_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.playbook_id and self.playbook.slug}@{self.number}"


class TechniqueMapping(Governed):
    """Which playbook answers a technique; without a technique it is the tenant's default."""

    technique = models.CharField(max_length=16, blank=True)
    playbook = models.ForeignKey(Playbook, on_delete=models.CASCADE, related_name="technique_mappings")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "technique", "playbook"], name="technique_mapped_once")]
