"""The trace id: minted at a door, carried by every row, log line and task that follows from it."""

import contextlib
import contextvars
import re
from collections.abc import Iterator

import structlog

from core import ids

_trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace_id", default="")
_TRACE = re.compile(r"[A-Za-z0-9-]{8,64}")


def current() -> str:
    """Return the trace id of the work under way, or an empty string outside of any."""
    return _trace.get()


@contextlib.contextmanager
def trace(trace_id: str = "") -> Iterator[str]:
    """Run a block under `trace_id`; one that is empty or not of the accepted form is replaced by a new one."""
    chosen = trace_id if _TRACE.fullmatch(trace_id) else ids.new().hex
    mark = _trace.set(chosen)
    with structlog.contextvars.bound_contextvars(trace_id=chosen):
        try:
            yield chosen
        finally:
            _trace.reset(mark)
