"""Time that nobody sets: since this machine was started, and the same for all of its processes."""

import functools
import time
import uuid
from pathlib import Path

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def seconds() -> float:
    """Return the seconds since this machine was started; to be compared with those of the same `machine` alone."""
    return time.clock_gettime(_CLOCK)


@functools.cache
def machine() -> str:
    """Return a name for this machine since it was started; where the system has none, one for this process."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.uuid4())
