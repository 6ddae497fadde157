"""What the wiring still has to wake."""

from django.db import models

from audit.models.entries import Entry
from core import clock, ids


class Delivery(models.Model):
    """An entry that a handler has yet to see. Deleted on success; one that gave up is a dead letter."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    entry = models.ForeignKey(Entry, on_delete=models.DO_NOTHING, related_name="+")
    handler = models.CharField(max_length=120)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=clock.now)
    error = models.TextField(blank=True)
    dead_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "handler"], name="delivery_once_per_handler")]
        indexes = [models.Index(fields=["next_at"], condition=models.Q(dead_at__isnull=True), name="delivery_due")]
