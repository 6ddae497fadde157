"""The write guard: every write to the outside passes here, is counted, and is refused inside a simulation."""

import contextlib
import contextvars
from collections.abc import Iterator

from prometheus_client import Counter

from adapters.errors import SimulationViolation

WRITES = Counter("runbookpilot_outgoing_writes", "Writes sent to the outside.", ["action"])
_simulating: contextvars.ContextVar[bool] = contextvars.ContextVar("simulating", default=False)


@contextlib.contextmanager
def simulation() -> Iterator[None]:
    """Refuse every write inside the block."""
    mark = _simulating.set(True)
    try:
        yield
    finally:
        _simulating.reset(mark)


def write(what: str) -> None:
    """Count a write that is about to be sent; raises SimulationViolation inside a simulation."""
    if _simulating.get():
        raise SimulationViolation(f"A simulation tried to send {what}.")
    WRITES.labels(what).inc()
