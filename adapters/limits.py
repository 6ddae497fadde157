"""Rate limits: an instance sends no more requests in a span of time than its vendor takes, whichever worker they come from.

The moments of the latest requests stand in the instance's row, so that workers share one limit in either shape.
"""

import functools
import re
import time
from collections.abc import Callable

from django.db import transaction

from adapters import errors
from adapters.contract import CallContext
from adapters.models import AdapterInstance
from core import databases

SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
#: `4/minute`: at most 1000, since as many moments are kept.
FORM = re.compile(r"(1000|[1-9][0-9]{0,2})/(second|minute|hour|day)")


def parsed(rate: str) -> tuple[int, int]:
    """Return how many requests an instance may send in how many seconds; raises ValueError where `rate` does not say so."""
    found = FORM.fullmatch(rate)
    if found is None:
        raise ValueError(f"{rate!r} is no rate. Write a number of at most 1000 and a span: 4/minute, 10/second, 500/day.")
    return int(found[1]), SECONDS[found[2]]


def of(instance: AdapterInstance) -> Callable[[CallContext], None]:
    """Return what a call asks for its turn before each request; it waits within the call's time, else raises Throttled."""
    return functools.partial(_take, instance) if instance.rate else _free


def _free(_call: CallContext) -> None:
    """An instance without a limit never waits."""


def _take(instance: AdapterInstance, call: CallContext) -> None:
    count, seconds = parsed(instance.rate)
    rows = AdapterInstance.objects.filter(pk=instance.pk)
    with transaction.atomic():
        taken: list[float] = rows.select_for_update().values_list("taken", flat=True).get()[-count:]
        now = time.time()
        turn = max(now, taken[-count] + seconds) if len(taken) >= count else now
        # A clock that was set back must not keep everybody waiting for it.
        turn = min(turn, now + seconds)
        if turn - now > call.left:
            raise errors.Throttled(
                f"Nothing was sent: {instance.name} has sent its {instance.rate}.", retry_after=round(turn - now, 1)
            )
        rows.update(taken=[*taken, turn][-count:])
    if turn > now:
        databases.give_back()
        call.pause(turn - now)
