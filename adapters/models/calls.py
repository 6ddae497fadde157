"""Calls: intent before, result after."""

from django.db import models

from accounts.models import Governed, Tenant
from adapters.choices import CallPurpose, CallStatus
from adapters.models.instances import AdapterInstance
from core.fields import EncryptedJSONField


class Call(Governed):
    """One call to an adapter. The row is committed before the call and completed after it.

    `idempotency_key` is the step's, the same for each retry. `owner_kind` and `owner_id` say for whom, without a key.
    """

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    environment = models.CharField(max_length=64)
    owner_kind = models.CharField(max_length=32)
    owner_id = models.CharField(max_length=64)
    step = models.CharField(max_length=128, blank=True)
    purpose = models.CharField(max_length=8, choices=CallPurpose, default=CallPurpose.STEP)
    instance = models.ForeignKey(AdapterInstance, on_delete=models.PROTECT, null=True, related_name="calls", db_index=False)
    adapter = models.CharField(max_length=64)
    adapter_version = models.CharField(max_length=32, blank=True)
    action = models.CharField(max_length=64)
    effect = models.CharField(max_length=12)
    live = models.BooleanField(default=False)
    attempt = models.PositiveSmallIntegerField(default=1)
    idempotency_key = models.CharField(max_length=64)
    params = EncryptedJSONField(null=True)
    params_digest = models.CharField(max_length=64)
    status = models.CharField(max_length=9, choices=CallStatus, default=CallStatus.STARTED)
    output = EncryptedJSONField(null=True)
    result_digest = models.CharField(max_length=64, blank=True)
    error = models.JSONField(null=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["owner_kind", "owner_id", "id"], name="call_by_owner")]
