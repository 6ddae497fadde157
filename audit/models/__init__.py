"""The rows of the journal; only this app reads or writes them."""

from audit.models.deliveries import Delivery
from audit.models.entries import Entry, EntryRef, StreamHead

__all__ = ["Delivery", "Entry", "EntryRef", "StreamHead"]
