"""Identifiers: UUID version 7 (RFC 9562), ordered by time."""

import datetime as dt
import os
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def new() -> uuid.UUID:
    """Return a new UUIDv7; within one process each is greater than the one before it.

    The 12 bits after the milliseconds carry its fraction (RFC 9562, 6.2, method 3).
    """
    global _last
    with _lock:
        stamp = max(_stamp(), _last + 1)
        _last = stamp
    milliseconds, fraction = stamp >> 12, stamp & 0xFFF
    tail = int.from_bytes(os.urandom(8)) & ((1 << 62) - 1)
    return uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | tail)


def first_at(moment: dt.datetime) -> uuid.UUID:
    """Return the least id that is made at `moment` or later, to find rows by the time at which they were made."""
    return uuid.UUID(int=(int(moment.timestamp() * 1000) << 80) | (0x7 << 76) | (0b10 << 62))


def _stamp() -> int:
    """Milliseconds since the epoch with 12 more bits for the fraction of one."""
    nanoseconds = time.time_ns()
    return ((nanoseconds // 1_000_000) << 12) | ((nanoseconds % 1_000_000) * 4096 // 1_000_000)
