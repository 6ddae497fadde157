"""Calls in flight: made one after another on the driver's own thread, or several at once on a bounded pool.

No transaction is open while a call is made, and its lease is kept alive from beside. A call that does not come back in
time is given up; if it answers later, that is recorded and never applied. One that waits for a thread of the pool does so
within its time, and none is sent after it.
"""

import contextvars
import dataclasses
import functools
import threading
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import structlog
from django.conf import settings
from django.db import close_old_connections

from adapters import calls, errors, registry
from adapters.choices import CallPurpose
from adapters.models import Call
from core import clock, databases, turns
from playbooks_app.services import keeping, late, leases
from playbooks_app.services.drive import Drive, Result
from playbooks_app.services.leases import Lease, LostLease

log = structlog.get_logger(__name__)

#: Seconds that a call may overrun its time before it is given up.
GRACE = 5.0
UNSENT = "Nothing was sent: all threads that make calls were busy for the whole of its time."
#: Seconds after which a driver asks whether it still holds the lease before it sends a write.
TRUST = 5.0


@dataclasses.dataclass(slots=True)
class Flight:
    """A call whose intent is about to be committed, and what is done with its result."""

    result: Result
    timeout: float
    ends_at: float = 0.0

    @property
    def run_id(self) -> str:
        """The step that waits for it."""
        return self.result.run_id

    def hears(self, cancelled: threading.Event) -> threading.Event | None:
        """Return what tells the call that its execution is cancelled; an undo is what comes of that, and goes on."""
        return None if self.result.call.purpose == CallPurpose.UNDO else cancelled


class Flights:
    """The calls that one driver waits for."""

    def __init__(self, drive: Drive) -> None:
        self.drive = drive
        self.cancelled = threading.Event()
        self._futures: dict[Future[calls.Outcome], Flight] = {}

    def __bool__(self) -> bool:
        return bool(self._futures)

    def start(self, flights: list[Flight]) -> None:
        """Make calls whose intents have been committed; a single one at once, several on the pool."""
        committed = time.monotonic()
        if settings.CALL_THREADS < 2 or (len(flights) == 1 and not self._futures):
            for flight in flights:
                self.drive.in_flight.add(flight.run_id)
            for flight in flights:
                self._make_here(flight, committed)
            return
        for flight in flights:
            self.drive.in_flight.add(flight.run_id)
            flight.ends_at = committed + flight.timeout + GRACE
            context = contextvars.copy_context()
            future = _pool().submit(context.run, _made_elsewhere, flight, self.drive.lease, self.cancelled, committed)
            self._futures[future] = flight
        keeping.watch(self.drive.lease, max(flight.ends_at for flight in flights), self.cancelled)

    def land(self) -> None:
        """Wait until a call has come back, or its time is over, and apply its result."""
        first = min(flight.ends_at for flight in self._futures.values())
        databases.give_back()
        with turns.given_up():
            done, _ = wait(self._futures, timeout=max(first - time.monotonic(), 0), return_when=FIRST_COMPLETED)
        for future in done:
            flight = self._futures.pop(future)
            flight.result.outcome = future.result()
            self.drive.settle(flight.result)
        if not done:
            self._give_up()

    def abandon(self) -> None:
        """Let go of all calls: another worker drives, and what they answer is late."""
        for future, flight in self._futures.items():
            _let_go(future, flight)
        self._futures.clear()

    def _make_here(self, flight: Flight, committed: float) -> None:
        keeping.watch(self.drive.lease, time.monotonic() + flight.timeout + GRACE, self.cancelled)
        flight.result.outcome = _made(flight, self.drive.lease, self.cancelled, committed, flight.timeout)
        self.drive.settle(flight.result)

    def _give_up(self) -> None:
        now = time.monotonic()
        for future, flight in [pair for pair in self._futures.items() if pair[1].ends_at <= now]:
            del self._futures[future]
            error = errors.CallTimeout() if _let_go(future, flight) else errors.Unavailable(UNSENT)
            flight.result.outcome = calls.Outcome(error=error)
            # Nobody answered: it comes back no more, and there is nothing to record as late.
            self.drive.in_flight.discard(flight.run_id)
            self.drive.settle(flight.result)


def together(records: Iterable[tuple[Call, float]]) -> list[calls.Outcome]:
    """Make calls at once, each bounded in time, and return what came of them in order; for reads before the first step."""
    rows = list(records)
    if settings.CALL_THREADS < 2 or len(rows) < 2:
        return [calls.send(call, timeout=timeout) for call, timeout in rows]
    futures = [_pool().submit(contextvars.copy_context().run, _read, call, timeout) for call, timeout in rows]
    with turns.given_up():
        wait(futures, timeout=max(timeout for _, timeout in rows) + GRACE)
    return [future.result() if future.done() else calls.Outcome(error=errors.CallTimeout()) for future in futures]


def _read(call: Call, timeout: float) -> calls.Outcome:
    close_old_connections()
    try:
        return calls.send(call, timeout=timeout)
    finally:
        databases.give_back()


def _made(flight: Flight, lease: Lease, cancelled: threading.Event, committed: float, timeout: float) -> calls.Outcome:
    """Make a call. Before a write is sent by a driver that was held up, the lease is looked at once more."""
    call = flight.result.call
    if call.effect != "read" and time.monotonic() - committed > TRUST and not leases.renew(lease, now=clock.now()):
        raise LostLease(LostLease.__doc__)
    if not registry.adapter(call.adapter).local:
        databases.give_back()
    return calls.send(call, timeout=timeout, cancelled=flight.hears(cancelled))


def _made_elsewhere(flight: Flight, lease: Lease, cancelled: threading.Event, committed: float) -> calls.Outcome:
    """Make a call that may have waited for this thread; what is left of its time bounds it."""
    left = flight.ends_at - time.monotonic()
    if left <= 0:
        return calls.Outcome(error=errors.Unavailable(UNSENT))
    close_old_connections()
    try:
        return _made(flight, lease, cancelled, committed, min(flight.timeout, left))
    finally:
        databases.give_back()


def _let_go(future: Future[calls.Outcome], flight: Flight) -> bool:
    """Wait for a call no longer; return whether it may be under way, or withdraw it where no thread has begun with it."""
    if future.cancel():
        return False
    future.add_done_callback(functools.partial(_late, flight.result.call))
    return True


def _late(call: Call, future: Future[calls.Outcome]) -> None:
    error = future.exception()
    if error is not None:
        log.warning("abandoned_call_failed", call=str(call.pk), error=str(error))
        return
    close_old_connections()
    try:
        late.note(call, future.result())
    finally:
        databases.give_back()


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.CALL_THREADS, thread_name_prefix="call")
