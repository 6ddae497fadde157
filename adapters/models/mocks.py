"""What the mock adapters answer and what they were told, kept as a vendor would keep it."""

from django.db import models

from adapters.models.instances import AdapterInstance
from core import clock, ids


class MockScript(models.Model):
    """A scripted answer of a mock instance: success with an output, an error, or a delay."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    instance = models.ForeignKey(AdapterInstance, on_delete=models.CASCADE, related_name="scripts")
    action = models.CharField(max_length=64)
    when = models.JSONField(default=dict, blank=True, help_text="Parameters that must be equal for this answer.")
    output = models.JSONField(null=True, blank=True)
    error = models.CharField(max_length=32, blank=True)
    latency_ms = models.PositiveIntegerField(default=0)
    remaining = models.PositiveIntegerField(null=True, blank=True, help_text="How often it still answers; empty: always.")


class MockCall(models.Model):
    """A write that a mock adapter carried out, once per idempotency key, like a vendor's own log."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    instance = models.ForeignKey(AdapterInstance, on_delete=models.CASCADE, related_name="mock_calls")
    action = models.CharField(max_length=64)
    params = models.JSONField(default=dict)
    target = models.CharField(max_length=255, blank=True)
    idempotency_key = models.CharField(max_length=64, blank=True)
    output = models.JSONField(default=dict)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = [models.Index(fields=["instance", "target", "-id"], name="mock_call_by_target")]
