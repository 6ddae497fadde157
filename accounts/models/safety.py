"""Rows that keep what is asked from happening twice, or at all."""

from django.db import models

from accounts.models.tenants import Tenant
from core import clock, ids
from core.fields import EncryptedJSONField


class IdempotencyKey(models.Model):
    """The answer that a POST with this key was given, to be given again."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="sha256 of method, path and body.")
    status = models.PositiveSmallIntegerField(null=True)
    # An answer may hold a secret that is shown this once.
    answer = EncryptedJSONField(null=True)
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once_per_user")]


class EmergencyStop(models.Model):
    """While it stands, no write leaves: for one tenant, or without a tenant for all."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    scope = models.CharField(max_length=36, help_text="The tenant's id, or `deployment`.")
    reason = models.CharField(max_length=500)
    engaged_by = models.CharField(max_length=150)
    engaged_at = models.DateTimeField(default=clock.now)
    released_by = models.CharField(max_length=150, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)
    release_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["scope"], condition=models.Q(released_at__isnull=True), name="one_standing_stop_per_scope"
            )
        ]
