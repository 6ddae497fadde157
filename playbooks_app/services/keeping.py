"""Keeps leases alive while calls are under way, and hears of a cancel meanwhile: one thread for all drivers of a process.

A lease is renewed until the call that it is held for should have ended. After that it runs out, and another worker takes
the execution over, as if this one had stopped.
"""

import contextlib
import dataclasses
import threading
import time
from collections.abc import Iterator

import structlog
from django.db import DatabaseError, close_old_connections

from core import clock, databases
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus
from playbooks_app.models import Execution
from playbooks_app.services import leases
from playbooks_app.services.leases import Lease

log = structlog.get_logger(__name__)

SECONDS = 1.0


@dataclasses.dataclass(slots=True)
class Watch:
    """A lease that is renewed until `until`; `cancelled` is set when somebody cancels the execution."""

    lease: Lease
    until: float
    cancelled: threading.Event | None


_watches: dict[str, Watch] = {}
_changed = threading.Condition()
_threads: list[threading.Thread] = []


def watch(lease: Lease, until: float, cancelled: threading.Event | None = None) -> None:
    """Keep a lease until a moment of the monotonic clock, or longer where that was asked before."""
    with _changed:
        known = _watches.get(lease.owner)
        heard = cancelled or (known.cancelled if known else None)
        _watches[lease.owner] = Watch(lease, max(until, known.until if known else 0.0), heard)
        if not _threads or not _threads[0].is_alive():
            _threads[:] = [threading.Thread(target=_run, name="lease-keeper", daemon=True)]
            _threads[0].start()
        if known is None:
            _changed.notify()


@contextlib.contextmanager
def kept(lease: Lease) -> Iterator[None]:
    """Forget the lease at the end of the block."""
    try:
        yield
    finally:
        with _changed:
            _watches.pop(lease.owner, None)


def _run() -> None:
    while True:
        with _changed:
            while not _watches:
                _changed.wait()
        time.sleep(SECONDS)
        now = time.monotonic()
        with _changed:
            watches = [item for item in _watches.values() if item.until > now]
        if watches:
            _look(watches)


def _look(watches: list[Watch]) -> None:
    try:
        close_old_connections()
        _hear(watches)
        for item in watches:
            if item.lease.age > leases.LENGTH.total_seconds() / 3:
                leases.renew(item.lease, now=clock.now())
    except DatabaseError:
        # A lease that cannot be renewed runs out: that is what it is for.
        log.warning("leases_not_renewed", count=len(watches), exc_info=True)
    finally:
        databases.give_back()


def _hear(watches: list[Watch]) -> None:
    by_id = {item.lease.execution_id: item for item in watches if item.cancelled is not None}
    # What has ended is cancelled no more; what is called of it then are undos, and what people clicked.
    rows = Execution.objects.filter(pk__in=by_id).exclude(status__in=(*FINAL_EXECUTION, ExecutionStatus.ROLLING_BACK))
    for execution_id, control in rows.values_list("pk", "control"):
        event = by_id[execution_id].cancelled
        if event is not None and ("cancel" in control or "rollback" in control):
            event.set()
