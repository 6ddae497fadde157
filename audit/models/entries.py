"""Entries and the heads of their streams."""

from django.db import models

from core import ids


class StreamHead(models.Model):
    """The last entry of a stream; locked while the next one is appended. A checkpoint covers it up to `checkpointed`."""

    stream = models.CharField(max_length=100, primary_key=True)
    seq = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="", blank=True)
    # No index on purpose: each append updates this row, and would have to update the index too.
    checkpointed = models.PositiveBigIntegerField(default=0, db_default=0)


class Entry(models.Model):
    """One thing that happened. The database refuses to change or delete it."""

    id = models.UUIDField(primary_key=True, default=ids.new, editable=False)
    stream = models.CharField(max_length=100)
    seq = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=40)
    at = models.DateTimeField()
    tenant_id = models.UUIDField(null=True)
    environment = models.CharField(max_length=64, blank=True)
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=150)
    subject_kind = models.CharField(max_length=32)
    subject_id = models.CharField(max_length=64)
    simulated = models.BooleanField(default=False)
    trace_id = models.CharField(max_length=64, blank=True)
    refs = models.JSONField(default=list)
    data = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["stream", "seq"], name="entry_seq_once_per_stream")]
        indexes = [
            models.Index(fields=["tenant_id", "-id"], name="entry_by_tenant"),
            models.Index(fields=["tenant_id", "kind", "-id"], name="entry_by_kind"),
            models.Index(fields=["subject_kind", "subject_id", "id"], name="entry_by_subject"),
        ]


class EntryRef(models.Model):
    """What an entry speaks of besides its subject, by which timelines find it."""

    entry = models.ForeignKey(Entry, on_delete=models.DO_NOTHING, related_name="+")
    kind = models.CharField(max_length=32)
    ref_id = models.CharField(max_length=64)

    class Meta:
        indexes = [models.Index(fields=["kind", "ref_id", "entry"], name="ref_by_target")]
