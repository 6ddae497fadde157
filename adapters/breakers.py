"""Circuit breakers: a vendor that keeps failing is left alone for a while, by every worker.

The state of an instance's breaker stands in its row. While it is open nothing is sent; after `REST` seconds one call goes
out to see, and closes it or opens it again. Only calls to live vendors count.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar

import pybreaker
import structlog
from django.db import transaction

from adapters import errors
from adapters.models import AdapterInstance
from core import clock

log = structlog.get_logger(__name__)

T = TypeVar("T")
#: Failures in a row that open a breaker.
FAILURES = 5
#: Seconds that it stays open before one call goes out to see.
REST = 30.0
#: Seconds after which a call that went out to see, and never came back, no longer keeps others from going.
TRIAL = 120.0
#: Seconds that the clocks of several machines may differ by.
SKEW = 5.0
#: What says that the vendor is not well. Anything else is an answer.
FAILING = (errors.Unavailable, errors.CallTimeout, errors.VendorError)
#: What says nothing of the vendor: the call did not get that far.
SILENT = (errors.Stopped, errors.Cancelled, errors.Throttled, errors.SimulationViolation, errors.NotPermitted)


def guarded(instance: AdapterInstance, call: Callable[[], T]) -> T:
    """Return what `call` returns, counting its failures; raises Unavailable without making it while the breaker is open."""
    shared = _Shared(instance)

    def attempt() -> T:
        try:
            return call()
        except SILENT:
            shared.withdraw()
            raise

    try:
        return _breaker(shared).call(attempt)
    except pybreaker.CircuitBreakerError:
        raise errors.Unavailable(
            f"Nothing was sent: {instance.name} failed {FAILURES} times in a row, and rests.", retry_after=shared.rest()
        ) from None


def _breaker(shared: "_Shared") -> pybreaker.CircuitBreaker:
    """Return a breaker for one call: the library's object holds a lock while it calls."""
    return pybreaker.CircuitBreaker(
        fail_max=FAILURES,
        reset_timeout=REST,
        exclude=[lambda error: not isinstance(error, FAILING)],
        state_storage=shared,
        throw_new_error_on_trip=False,
    )


def close(instance: AdapterInstance) -> None:
    """Let calls through again, as after a connection check that went well."""
    AdapterInstance.objects.filter(pk=instance.pk).exclude(breaker={}).update(breaker={})


class _Shared(pybreaker.CircuitBreakerStorage):
    """The state on the instance's row: read once, changed under its lock, so that workers count together."""

    def __init__(self, instance: AdapterInstance) -> None:
        super().__init__(str(instance.pk))
        self._instance = instance
        self._kept: dict[str, Any] = AdapterInstance.objects.values_list("breaker", flat=True).get(pk=instance.pk)
        self._silent = False
        self._successes = 0
        if self._kept.get("state") == pybreaker.STATE_HALF_OPEN and self._since("tried_at") > TRIAL:
            self._kept["state"] = pybreaker.STATE_OPEN

    def withdraw(self) -> None:
        """Let a call that got nowhere count for nothing; had it gone out to see, another may."""
        if self._kept.get("mine"):
            self._change(lambda kept: {**kept, "state": pybreaker.STATE_OPEN, "tried_at": None})
        self._silent = True

    def rest(self) -> float:
        """Return the seconds until a call may go out to see."""
        return max(REST - self._since("opened_at"), 1.0)

    @property
    def state(self) -> str:
        if self._kept.get("state") == pybreaker.STATE_HALF_OPEN and self._kept.get("mine") is None:
            raise pybreaker.CircuitBreakerError("Another call is on its way to see.")
        return str(self._kept.get("state", pybreaker.STATE_CLOSED))

    @state.setter
    def state(self, state: str) -> None:
        if state == pybreaker.STATE_HALF_OPEN:
            self._claim()
        elif state == pybreaker.STATE_OPEN:
            self._change(lambda kept: {**kept, "state": state, "opened_at": clock.iso(clock.now())})
            log.warning("breaker_opened", instance=self._instance.name, adapter=self._instance.adapter)
        else:
            self._change(lambda _kept: {})
            log.info("breaker_closed", instance=self._instance.name, adapter=self._instance.adapter)

    @property
    def counter(self) -> int:
        return int(self._kept.get("failures", 0))

    def increment_counter(self) -> None:
        self._change(lambda kept: {**kept, "failures": kept.get("failures", 0) + 1})

    def reset_counter(self) -> None:
        if self.counter and self._kept.get("state", pybreaker.STATE_CLOSED) == pybreaker.STATE_CLOSED:
            self._change(lambda kept: {**kept, "failures": 0})

    @property
    def success_counter(self) -> int:
        return self._successes

    def increment_success_counter(self) -> None:
        self._successes += 1

    def reset_success_counter(self) -> None:
        self._successes = 0

    @property
    def opened_at(self) -> dt.datetime | None:
        return _moment(self._kept.get("opened_at")) if self._since("opened_at") < float("inf") else None

    @opened_at.setter
    def opened_at(self, _moment: dt.datetime) -> None:
        """Kept with the state itself."""

    def _claim(self) -> None:
        """Take the one call that may go out to see; raises CircuitBreakerError where another worker has it."""
        seen = (self._kept.get("opened_at"), self._kept.get("tried_at"))

        def claimed(kept: dict[str, Any]) -> dict[str, Any]:
            if (kept.get("opened_at"), kept.get("tried_at")) != seen:
                raise pybreaker.CircuitBreakerError("Another call is on its way to see.")
            return {**kept, "state": pybreaker.STATE_HALF_OPEN, "tried_at": clock.iso(clock.now())}

        self._change(claimed)
        self._kept["mine"] = True

    def _change(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        if self._silent:
            return
        rows = AdapterInstance.objects.filter(pk=self._instance.pk)
        with transaction.atomic():
            kept = change(rows.select_for_update().values_list("breaker", flat=True).get())
            rows.update(breaker=kept)
        self._kept = dict(kept)

    def _since(self, name: str) -> float:
        """Return how many seconds ago something was; what is still to come was noted before a clock was set back, and is long ago."""
        moment = _moment(self._kept.get(name))
        seconds = (clock.now() - moment).total_seconds() if moment else float("inf")
        return seconds if seconds >= -SKEW else float("inf")


def _moment(text: object) -> dt.datetime | None:
    return clock.parse(str(text)) if text else None
