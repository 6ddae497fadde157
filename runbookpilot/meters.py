"""Calls to adapters, counted for Prometheus by the web process that is asked, whichever worker made them.

Workers serve no numbers of their own. What they finished stands in the database: each time that somebody asks, what was
finished since the last time is added. A web process counts from its start, as any counter does.
"""

import dataclasses
import datetime as dt
import threading

from prometheus_client import Counter, Histogram

from adapters.choices import CallStatus
from adapters.models import Call
from core import clock, ids

LABELS = ["adapter", "action", "outcome"]
CALLS = Counter("runbookpilot_adapter_calls", "Calls by adapter, action and outcome.", LABELS)
SECONDS = Histogram(
    "runbookpilot_adapter_call_seconds", "Duration of calls.", LABELS[:2], buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
)
#: How long after a call is finished its row may still be about to be committed.
SETTLING = dt.timedelta(seconds=5)
#: Calls that take longer are not counted; it bounds how many rows are looked at.
LONGEST = dt.timedelta(minutes=15)


@dataclasses.dataclass(slots=True)
class _Mark:
    """Up to when calls are counted."""

    until: dt.datetime


_mark = _Mark(clock.now() - SETTLING)
_counting = threading.Lock()


def refresh(*, now: dt.datetime) -> None:
    """Count the calls that were finished since this was last asked."""
    with _counting:
        since, until = _mark.until, now - SETTLING
        if until <= since:
            return
        rows = Call.objects.filter(pk__gte=ids.first_at(since - LONGEST), finished_at__gt=since, finished_at__lte=until)
        for adapter, action, status, error, started, finished in rows.values_list(
            "adapter", "action", "status", "error", "started_at", "finished_at"
        ).iterator():
            outcome = "ok" if status == CallStatus.SUCCEEDED else (error or {}).get("code", status)
            CALLS.labels(adapter, action, outcome).inc()
            SECONDS.labels(adapter, action).observe((finished - started).total_seconds())
        _mark.until = until
