"""Ends leases that are renewed no more, so that other workers take over.

A lease has lapsed when it was seen to stay the same for its whole length, by the monotonic clock of the one machine that
watches. What any clock says that can be set, here or on the owner's machine, has no part in it.
"""

import contextlib
import datetime as dt
import json
import os
import time
from pathlib import Path

from django.conf import settings
from django.db.models import QuerySet

from core import uptime
from core.literals import Literal
from playbooks_app.models import Execution
from playbooks_app.services import leases

#: What shows that a lease was renewed, or is another.
SEEN = ("lease_owner", "fence", "lease_until")


class Watch:
    """Each lease that is held, as it was seen last, and since when it looks like that.

    It is kept in a file, so that a watcher that is killed again and again does not begin to count again and again: a lease that
    looks the same before and after was not renewed between. After a restart of the machine the count begins anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: dict[str, tuple[str, float]] = {}
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            kept = json.loads(path.read_text(encoding="ascii"))
            if kept["machine"] == uptime.machine():
                self._seen = {key: (str(look), float(since)) for key, (look, since) in kept["seen"].items()}

    def end(self, *, now: dt.datetime) -> int:
        """Look at the leases that are held, and end those that have lapsed; return how many. Called over and over."""
        began = time.monotonic()
        rows = list(held().values("pk", *SEEN))
        seen_at, before = time.monotonic(), self._seen
        self._seen = {}
        for row in rows:
            key, look = str(row["pk"]), " ".join(str(row[name]) for name in SEEN)
            known = before.get(key)
            self._seen[key] = known if known and known[0] == look else (look, seen_at)
        if self._seen != before:
            self._keep()
        least = leases.LENGTH.total_seconds()
        return sum(_ended(row, now) for row in rows if began - self._seen[str(row["pk"])][1] >= least)

    def _keep(self) -> None:
        """Write down what was seen; where that cannot be done, whoever watches next begins anew."""
        scratch = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            try:
                scratch.write_text(json.dumps({"machine": uptime.machine(), "seen": self._seen}), encoding="ascii")
                scratch.replace(self._path)
            finally:
                scratch.unlink(missing_ok=True)


def end(*, now: dt.datetime) -> int:
    """Look at the leases that are held, and end those that have lapsed; return how many. Called over and over by one process."""
    global _watch
    _watch = _watch or Watch(Path(settings.DATA_DIR) / "leases.json")
    return _watch.end(now=now)


_watch: Watch | None = None


def held() -> QuerySet[Execution]:
    """Return the executions of which somebody holds a lease."""
    rows: QuerySet[Execution] = Execution.objects.exclude(lease_owner=Literal("")).filter(lease_until__isnull=False)
    return rows


def _ended(row: dict[str, object], now: dt.datetime) -> int:
    """Leave the owner's name, which tells that one was lost; it may go on as long as nobody else has taken over."""
    return int(Execution.objects.filter(**row).update(lease_until=None, **leases.look(now, now=now)))
