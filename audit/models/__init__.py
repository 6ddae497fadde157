"""The rows of the journal; only this app reads or writes them."""

from audit.models.checkpoints import Checkpoint, Leaf
from audit.models.deliveries import Delivery
from audit.models.entries import Entry, EntryRef, StreamHead

__all__ = ["Checkpoint", "Delivery", "Entry", "EntryRef", "Leaf", "StreamHead"]
