"""An instance sends no more requests in a span of time than its vendor takes, whichever worker they come from."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import connection

from adapters import connections, errors, instances, limits
from adapters.contract import CallContext
from adapters.models import AdapterInstance
from tests.adapters.stubs import Vendor, answers, vendor
from tests.adapters.test_calls import call, made
from tests.factories import NOW, SETUP

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_connections() -> Iterator[None]:
    connections.close()
    yield
    connections.close()


def hook(server: Vendor, rate: str) -> AdapterInstance:
    config = {"url": server.url(), "allow_private": True}
    return made("webhook", config=config, secrets={"secret": "a-secret"}, rate=rate)


def send(instance: AdapterInstance) -> errors.AdapterError | None:
    return call(instance, "notify.send_webhook", {"event": "test"}).error


def turn(instance: AdapterInstance, **more: object) -> None:
    limits.of(instance)(CallContext(instance_id=instance.pk, tenant_id=None, **more))  # type: ignore[arg-type]


def test_as_many_as_it_takes_go_at_once_and_the_next_waits_its_turn() -> None:
    with vendor(answers()) as server:
        instance = hook(server, "2/second")
        began = time.monotonic()
        found = [send(instance) for _ in range(3)]
    assert (found, len(server.requests)) == ([None] * 3, 3)
    assert time.monotonic() - began >= 0.9


def test_a_turn_that_does_not_come_in_time_is_told_when_it_does() -> None:
    with vendor(answers()) as server:
        instance = hook(server, "1/minute")
        assert send(instance) is None
        error = send(instance)
        assert (type(error), len(server.requests)) == (errors.Throttled, 1)
    assert error is not None
    assert 50 < (error.retry_after or 0) <= 60


def test_its_own_limit_says_nothing_of_the_vendor() -> None:
    with vendor(answers()) as server:
        instance = hook(server, "1/hour")
        for _ in range(7):
            send(instance)
    instance.refresh_from_db()
    assert instance.circuit == "closed"


def test_each_attempt_takes_a_turn() -> None:
    with vendor(answers(500)) as server:
        instance = hook(server, "2/hour")
        error = send(instance)
        assert (len(server.requests), error is not None and "2/hour" in error.message) == (2, True)


def test_workers_share_it() -> None:
    with vendor(answers()) as server:
        instance = hook(server, "3/hour")
        sent: list[bool] = []

        def worker() -> None:
            try:
                turn(AdapterInstance.objects.get(pk=instance.pk), timeout=1.0)
                sent.append(True)
            except errors.Throttled:
                sent.append(False)
            finally:
                connection.close()

        threads = [threading.Thread(target=worker) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(sent) == [False] * 3 + [True] * 3


def test_who_waits_for_a_turn_hears_of_a_cancel() -> None:
    with vendor(answers()) as server:
        instance = hook(server, "1/minute")
        turn(instance)
        cancelled = threading.Event()
        cancelled.set()
        with pytest.raises(errors.Cancelled):
            turn(instance, timeout=90.0, cancelled=cancelled)


def test_a_clock_that_was_set_back_keeps_nobody_for_long() -> None:
    with vendor(answers()) as server:
        instance = hook(server, "1/second")
        AdapterInstance.objects.update(taken=[time.time() + 10_000])
        began = time.monotonic()
        turn(instance)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("rate", ["4", "0/minute", "5000/second", "4/fortnight", "-1/day", "4 / minute"])
def test_a_rate_that_makes_no_sense_is_refused(rate: str) -> None:
    with vendor(answers()) as server, pytest.raises(instances.WrongConfig):
        hook(server, rate)


def test_a_rate_is_changed() -> None:
    with vendor(answers()) as server:
        instance = instances.change(instance=hook(server, "1/day"), rate="", actor=SETUP, now=NOW)
        assert [send(instance) for _ in range(3)] == [None] * 3
