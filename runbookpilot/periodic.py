"""The periodic work, one list, behind one `tick` that is safe to call twice and from several processes."""

import dataclasses
import time

import structlog
from django.db import close_old_connections

from audit import pump
from core import tasks

log = structlog.get_logger(__name__)

#: Seconds after which periodic work that no worker took is dropped: the next is on its way.
UNTAKEN = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Work:
    """A task by its dotted path and the seconds between two runs. Each is idempotent and finds what is due by itself.

    One that is `heavy` is handed to a worker, or embedded runs beside the tick; the others only look, and hand out what they find.
    """

    task: str
    every: float
    heavy: bool = False


PERIODIC = (
    Work("audit.tasks.sweep", 2),
    Work("playbooks_app.tasks.sweep_executions", 1),
    Work("approvals.tasks.expire_due", 1),
    Work("approvals.tasks.escalate_due", 5),
    Work("approvals.tasks.send_notices", 5, heavy=True),
    Work("compliance.tasks.seal_due", 5, heavy=True),
    Work("adapters.tasks.journal_reads", 15, heavy=True),
    Work("audit.tasks.checkpoint", 60, heavy=True),
    Work("accounts.tasks.forget_keys", 3600, heavy=True),
)


class Tick:
    """Remembers when each work ran last in this process."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def __call__(self) -> None:
        """Run what is due; one that fails is logged and does not keep the others from running."""
        for work in PERIODIC:
            if self._due.get(work.task, 0.0) > time.monotonic():
                continue
            self._due[work.task] = time.monotonic() + work.every
            # One that a restarted database has left broken is given back before it is used.
            close_old_connections()
            try:
                if work.heavy:
                    tasks.spread(work.task, [{}], expires=UNTAKEN)
                else:
                    tasks.run(work.task, {})
                    pump.forget(work.task, {})
            except Exception:
                # The tick is the isolation point between kinds of periodic work.
                log.exception("periodic_work_failed", task=work.task)
