"""The write guard: every write to the outside passes here, is counted, and is refused unless a call that may write is made.

The permission belongs to the context of the call. A thread that an adapter starts has none until it runs in a copy of that
context, so nothing slips out of a simulation through a thread.
"""

import contextlib
import contextvars
from collections.abc import Iterator
from enum import StrEnum

from prometheus_client import Counter

from adapters.errors import NotPermitted, SimulationViolation

WRITES = Counter("runbookpilot_outgoing_writes", "Writes sent to the outside.", ["action"])


class _State(StrEnum):
    NOTHING = "nothing"
    WRITING = "writing"
    SIMULATING = "simulating"


_state: contextvars.ContextVar[_State] = contextvars.ContextVar("writes", default=_State.NOTHING)


@contextlib.contextmanager
def simulation() -> Iterator[None]:
    """Refuse every write inside the block, whatever else permits it."""
    with _set(_State.SIMULATING):
        yield


@contextlib.contextmanager
def permitted() -> Iterator[None]:
    """Let writes pass inside the block, unless it is part of a simulation."""
    with _set(_State.SIMULATING if _state.get() is _State.SIMULATING else _State.WRITING):
        yield


@contextlib.contextmanager
def _set(state: _State) -> Iterator[None]:
    mark = _state.set(state)
    try:
        yield
    finally:
        _state.reset(mark)


def write(what: str) -> None:
    """Count a write that is about to be sent; raises SimulationViolation inside a simulation, NotPermitted outside of a write."""
    state = _state.get()
    if state is _State.SIMULATING:
        raise SimulationViolation(f"A simulation tried to send {what}.")
    if state is _State.NOTHING:
        raise NotPermitted(f"{what} was not sent: no call that may write was being made.")
    WRITES.labels(what).inc()
