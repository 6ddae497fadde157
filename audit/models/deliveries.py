"""What the wiring still has to wake, and tasks that failed and are tried again."""

from django.db import models

from audit.models.entries import Entry
from core import clock, ids


class Delivery(models.Model):
    """An entry that a handler has yet to see, or a task that failed. Deleted on success; one that gave up is a dead letter.

    A task has no entry: it has `arguments`, and a `key` of path and arguments by which it stands here once.
    """

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    entry = models.ForeignKey(Entry, on_delete=models.DO_NOTHING, related_name="+", null=True, db_index=False)
    handler = models.CharField(max_length=120)
    arguments = models.JSONField(null=True)
    key = models.CharField(max_length=64, null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=clock.now)
    error = models.TextField(blank=True)
    dead_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["entry", "handler"], name="delivery_once_per_handler"),
            models.UniqueConstraint(fields=["key"], condition=models.Q(key__isnull=False), name="task_kept_once"),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=models.Q(dead_at__isnull=True), name="delivery_due"),
            models.Index(fields=["dead_at"], condition=models.Q(dead_at__isnull=False), name="delivery_dead"),
        ]
