"""How many threads of a worker process work at once, besides those that wait for a network.

Python runs one thread of a process at a time, and a database serves a few connections faster than many. With dozens of tasks
under way, each thread that wants to go on makes all of them slower, and the web, which shares the database, with them.
"""

import contextlib
import threading
from collections.abc import Iterator

#: Seconds that a thread waits for its turn. Then it works without one: it may have an answer to record, and turns are for speed alone.
PATIENCE = 5.0

_here = threading.local()
_turns: threading.Semaphore | None = None


def limit(count: int) -> None:
    """Let so many threads of this process work at once; without it, all do."""
    global _turns
    _turns = threading.BoundedSemaphore(count)


@contextlib.contextmanager
def taken() -> Iterator[None]:
    """Work in the block when it is this thread's turn; a block within such a block is part of it."""
    if _turns is None or _is_held():
        yield
        return
    _take(_turns)
    try:
        yield
    finally:
        _give(_turns)


@contextlib.contextmanager
def given_up() -> Iterator[None]:
    """Let another thread work while this one waits in the block, outside of any transaction."""
    if _turns is None or not _is_held():
        yield
        return
    _give(_turns)
    try:
        yield
    finally:
        _take(_turns)


def _is_held() -> bool:
    return getattr(_here, "held", False)


def _take(turns: threading.Semaphore) -> None:
    _here.held = turns.acquire(timeout=PATIENCE)


def _give(turns: threading.Semaphore) -> None:
    if _is_held():
        _here.held = False
        turns.release()
