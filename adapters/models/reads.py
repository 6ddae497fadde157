"""Who has read which secrets, until the journal tells."""

from django.db import models

from adapters.models.instances import AdapterInstance
from core import clock, ids


class SecretRead(models.Model):
    """One reading of an instance's secrets that the journal does not tell yet."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    instance = models.ForeignKey(AdapterInstance, on_delete=models.CASCADE, related_name="reads")
    actor = models.JSONField()
    names = models.JSONField()
    at = models.DateTimeField(default=clock.now)
