"""Processes that die with their parent, however it dies (Linux: the kernel is asked to see to it)."""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_parent = 0


def hold(parent: int) -> None:
    """Let the kernel kill this process when `parent` dies; ends it at once where that has happened already."""
    if _LIBC is None:
        return
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def hold_every_fork() -> None:
    """Hold each process that this one, or one of those, forks from now on. A fork forgets its parent's lifeline."""
    os.register_at_fork(before=_remember, after_in_child=_hold)


def _remember() -> None:
    global _parent
    _parent = os.getpid()


def _hold() -> None:
    hold(_parent)
