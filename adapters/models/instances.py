"""Which adapter serves a tenant, and how."""

from django.db import models
from simple_history.models import HistoricalRecords

from accounts.models import Environment, Governed
from adapters.choices import Health, Mode
from core.fields import EncryptedJSONField


class AdapterInstance(Governed):
    """A configured adapter of a tenant's environment. Its secrets are encrypted and never leave for a browser."""

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    adapter = models.CharField(max_length=64, help_text="The adapter's registered name, such as `mock-edr`.")
    name = models.SlugField(max_length=64)
    config = models.JSONField(default=dict, blank=True)
    secrets = EncryptedJSONField(null=True, blank=True)
    mode = models.CharField(max_length=4, choices=Mode, default=Mode.MOCK)
    enabled = models.BooleanField(default=True)
    rate = models.CharField(
        max_length=16, blank=True, help_text="How many requests it may send: 4/minute, 10/second, 500/day; empty: any number."
    )
    taken = models.JSONField(default=list, editable=False, help_text="Moments of its latest requests, where it has a rate.")
    health = models.CharField(max_length=9, choices=Health, default=Health.UNKNOWN, editable=False)
    health_detail = models.CharField(max_length=500, blank=True, editable=False)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    breaker = models.JSONField(default=dict, editable=False, help_text="State of the circuit breaker, shared by all workers.")
    declared = models.BooleanField(
        default=False, editable=False, help_text="Declared in a file or the environment: read-only here."
    )
    history = HistoricalRecords(excluded_fields=["secrets", "breaker", "taken", "health", "health_detail", "checked_at"])

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "environment", "name"], name="instance_name_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.mode})"

    @property
    def circuit(self) -> str:
        """The state of its circuit breaker: closed (calls go out), open (they do not) or half-open (one does, to see)."""
        return str(self.breaker.get("state", "closed"))


class Binding(Governed):
    """Which instance serves a capability, such as `edr`, in an environment."""

    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    capability = models.CharField(max_length=32)
    instance = models.ForeignKey(AdapterInstance, on_delete=models.CASCADE, related_name="bindings")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["environment", "capability"], name="capability_bound_once")]
