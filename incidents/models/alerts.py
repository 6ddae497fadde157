"""Alerts as received, and who may send them."""

from django.db import models

from accounts.models import Environment, Governed, Tenant
from core import clock
from core.fields import EncryptedJSONField


class AlertSource(Governed):
    """A program that sends alerts and signs them with a shared secret."""

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    name = models.SlugField(max_length=64, unique=True)
    trigger_source = models.CharField(max_length=16, default="any")
    secret = EncryptedJSONField(null=True)
    enabled = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class UsedSignature(models.Model):
    """A signature that was accepted, so that it is not accepted again."""

    signature = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField(default=clock.now, db_index=True)


class Alert(Governed):
    """An alert: the original bytes, and the parsed copy that playbooks read, which is never altered."""

    # Each index is written with each alert: those that nothing asks for are left out.
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.ForeignKey(AlertSource, on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    trigger_source = models.CharField(max_length=16, default="any")
    source_key = models.CharField(max_length=80, blank=True, help_text="Who sent it: the scope of `external_id`.")
    external_id = models.CharField(max_length=255, blank=True, help_text="The sender's own id of the alert, where it has one.")
    dedup_key = models.CharField(max_length=80)
    edge_key = models.CharField(
        max_length=80, blank=True, db_default="", default="", help_text="Without an id: the same on both sides of the edge of an hour."
    )
    original = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    batch_sha256 = models.CharField(max_length=64, blank=True)
    document = models.JSONField()
    notes = models.JSONField(default=list, help_text="What was cleaned out of the parsed copy.")
    detectforge = models.JSONField(default=dict)
    occurred_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField(default=clock.now)
    last_seen_at = models.DateTimeField(default=clock.now)
    duplicates = models.PositiveIntegerField(default=0)
    rule_name = models.CharField(max_length=300, blank=True)
    rule_id = models.CharField(max_length=200, blank=True)
    severity = models.FloatField(null=True)
    confidence = models.FloatField(null=True)
    techniques = models.JSONField(default=list)
    host = models.CharField(max_length=255, blank=True)
    user = models.CharField(max_length=255, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "dedup_key"], name="alert_once"),
            models.UniqueConstraint(fields=["tenant", "edge_key"], condition=~models.Q(edge_key=""), name="alert_once_at_edge"),
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="alert_recent"),
            models.Index(fields=["tenant", "host", "-id"], name="alert_by_host"),
            models.Index(fields=["tenant", "user", "-id"], name="alert_by_user"),
        ]

    def __str__(self) -> str:
        return self.rule_name or f"Alert {self.id}"
