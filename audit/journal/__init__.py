"""Append to the journal: the only way that an entry is written."""

from audit.journal.append import Fact, NotInTransaction, Tail, append, append_all, end_of

__all__ = ["Fact", "NotInTransaction", "Tail", "append", "append_all", "end_of"]
