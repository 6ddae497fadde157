"""How long people have been waited for: time that was seen to pass, in which no clock that can be set has a part.

Whoever sweeps adds what passes by the clock of its machine that nobody sets. What passes while nobody sweeps counts where
the same machine goes on afterwards, and else does not: people get more time, never less.
"""

import datetime as dt

from approvals.models import Waited
from core import uptime

#: Seconds after which what was seen is written down, for whoever goes on elsewhere.
EVERY = 10.0
#: What the time that people are shown may be wrong by.
OFF = dt.timedelta(minutes=1)


class Watch:
    """One who sweeps. Of several, each remembers what it saw, and all go by whoever has seen most: no more than has passed."""

    def __init__(self) -> None:
        self._seen: tuple[float, float] | None = None

    def look(self) -> float:
        """Return the seconds that were seen to pass up to now, by all who swept. Called over and over."""
        row, _ = Waited.objects.get_or_create(pk=Waited.ONLY)
        up = uptime.seconds()
        seen = _until(row, up)
        if self._seen is not None:
            seen = max(seen, self._seen[0] + up - self._seen[1])
        self._seen = (seen, up)
        if row.machine != uptime.machine() or seen - row.seconds >= EVERY:
            Waited.objects.filter(pk=row.pk, seconds__lte=seen).update(seconds=seen, machine=uptime.machine(), uptime=up)
        return seen


_watch = Watch()


def look() -> float:
    """Return the seconds that were seen to pass up to now. Called over and over by those who sweep."""
    return _watch.look()


def seconds() -> float:
    """Return the seconds that were seen to pass, for those who do not sweep: a little less where another machine does."""
    row = Waited.objects.filter(pk=Waited.ONLY).first()
    return _until(row, uptime.seconds()) if row else 0.0


def _until(row: Waited, up: float) -> float:
    return row.seconds + up - row.uptime if row.machine == uptime.machine() else row.seconds


def is_in_step(*, now: dt.datetime, waited: float) -> bool:
    """Return whether the times that people are shown agree with the clock; once they do not, not until they were made to."""
    began = Waited.objects.values_list("began_at", flat=True).get(pk=Waited.ONLY)
    if began is not None and abs(_began(now, waited) - began) <= OFF:
        return True
    Waited.objects.filter(pk=Waited.ONLY).update(began_at=None)
    return False


def is_now_in_step(*, now: dt.datetime, waited: float) -> None:
    """Take note that the times that people are shown agree with what the clock says."""
    Waited.objects.filter(pk=Waited.ONLY).update(began_at=_began(now, waited))


def _began(now: dt.datetime, waited: float) -> dt.datetime:
    return now - dt.timedelta(seconds=waited)
