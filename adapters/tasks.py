"""What a worker does for adapters."""

from adapters import instances
from core import clock


def journal_reads() -> int:
    """Let the journal tell which secrets were read since the last time; return how many readings it tells of."""
    return instances.journal_reads(now=clock.now())
