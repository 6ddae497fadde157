"""The signed tree over all entries. The database refuses to change or delete any of it."""

from django.db import models


class Leaf(models.Model):
    """An entry's place in the tree. Holds its hash, so that the tree can be computed where the entry is gone."""

    position = models.PositiveBigIntegerField(primary_key=True)
    entry_id = models.UUIDField(unique=True)
    stream = models.CharField(max_length=100)
    seq = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)


class Checkpoint(models.Model):
    """The tree at a moment, signed, with the digest of the checkpoint before it. `peaks` lets the tree grow from here."""

    number = models.PositiveBigIntegerField(primary_key=True)
    size = models.PositiveBigIntegerField()
    root = models.CharField(max_length=64)
    previous = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()
    key_id = models.CharField(max_length=64)
    signature = models.CharField(max_length=100)
    peaks = models.JSONField(default=list)
