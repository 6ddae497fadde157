"""Append to the journal: the only way that an entry is written."""

from audit.journal.append import Fact, NotInTransaction, append, append_all

__all__ = ["Fact", "NotInTransaction", "append", "append_all"]
