"""A vendor that keeps failing is left alone for a while, by every worker."""

import datetime as dt
import threading
from collections.abc import Iterator

import pytest
import time_machine
from django.db import connection

from adapters import breakers, connections, errors, instances
from adapters.models import AdapterInstance
from core import clock
from tests.adapters.stubs import Habit, Vendor, answers, vendor
from tests.adapters.test_calls import call, made
from tests.factories import NOW, SETUP

pytestmark = pytest.mark.django_db(transaction=True)
MORE = breakers.FAILURES + 1


@pytest.fixture(autouse=True)
def _fresh_connections() -> Iterator[None]:
    connections.close()
    yield
    connections.close()


def hook(server: Vendor) -> AdapterInstance:
    return made("webhook", config={"url": server.url(), "allow_private": True}, secrets={"secret": "a-secret"})


def send(instance: AdapterInstance) -> errors.AdapterError | None:
    # A write that takes no key is sent once, whatever comes of it.
    return call(instance, "notify.send_webhook", {"event": "test"}, key="").error


def state(instance: AdapterInstance) -> str:
    instance.refresh_from_db()
    return instance.circuit


def broken(server: Vendor) -> AdapterInstance:
    instance = hook(server)
    for _ in range(breakers.FAILURES):
        send(instance)
    return instance


def after_its_rest() -> time_machine.travel:
    return time_machine.travel(clock.now() + dt.timedelta(seconds=breakers.REST + 1))


def test_nothing_is_sent_to_a_vendor_that_failed_again_and_again() -> None:
    with vendor(answers(500)) as server:
        instance = broken(server)
        error = send(instance)
        assert (type(error), len(server.requests)) == (errors.Unavailable, breakers.FAILURES)
    assert error is not None
    assert 0 < (error.retry_after or 0) <= breakers.REST


def test_an_answer_in_between_starts_the_count_anew() -> None:
    habits: list[Habit] = [answers(500)] * (breakers.FAILURES - 1) + [answers(200)] + [answers(500)] * (breakers.FAILURES - 1)
    with vendor(*habits) as server:
        instance = hook(server)
        for _ in habits:
            send(instance)
        assert (len(server.requests), state(instance)) == (len(habits), "closed")


@pytest.mark.parametrize("status", [401, 404, 422])
def test_a_refusal_is_an_answer(status: int) -> None:
    with vendor(answers(status)) as server:
        instance = hook(server)
        for _ in range(MORE):
            send(instance)
        assert (len(server.requests), state(instance)) == (MORE, "closed")


def test_after_its_rest_one_call_closes_it() -> None:
    with vendor(*[answers(500)] * breakers.FAILURES, answers(200)) as server:
        instance = broken(server)
        with after_its_rest():
            assert send(instance) is None
        assert state(instance) == "closed"


def test_after_its_rest_one_failure_opens_it_again() -> None:
    with vendor(answers(500)) as server:
        instance = broken(server)
        with after_its_rest():
            assert isinstance(send(instance), errors.VendorError)
            assert isinstance(send(instance), errors.Unavailable)
        assert (len(server.requests), state(instance)) == (MORE, "open")


def test_one_that_was_opened_before_a_clock_was_set_back_lets_a_call_go_out_to_see() -> None:
    with vendor(*[answers(500)] * breakers.FAILURES, answers(200)) as server:
        instance = broken(server)
        with time_machine.travel(clock.now() - dt.timedelta(hours=1)):
            assert send(instance) is None
        assert (len(server.requests), state(instance)) == (MORE, "closed")


def test_one_that_went_out_to_see_before_a_clock_was_set_back_keeps_nobody_for_long() -> None:
    with vendor(*[answers(500)] * breakers.FAILURES, answers(200)) as server:
        instance = broken(server)
        ahead = clock.iso(clock.now() + dt.timedelta(hours=1))
        kept = {**AdapterInstance.objects.get().breaker, "state": "half-open", "tried_at": ahead, "opened_at": ahead}
        AdapterInstance.objects.update(breaker=kept)
        assert send(instance) is None


def test_it_rests_though_the_clock_of_who_opened_it_is_a_little_ahead() -> None:
    with vendor(answers(500)) as server:
        instance = broken(server)
        with time_machine.travel(clock.now() - dt.timedelta(seconds=2)):
            assert isinstance(send(instance), errors.Unavailable)
        assert len(server.requests) == breakers.FAILURES


def test_only_one_call_goes_out_to_see() -> None:
    arrived, go = threading.Event(), threading.Event()

    def slow(connection_: object) -> bool:
        arrived.set()
        go.wait(5)
        return answers(200)(connection_)  # type: ignore[arg-type]

    def elsewhere() -> None:
        send(instance)
        connection.close()

    with vendor(*[answers(500)] * breakers.FAILURES, slow) as server:
        instance = broken(server)
        with after_its_rest():
            first = threading.Thread(target=elsewhere)
            first.start()
            arrived.wait(5)
            second = send(instance)
            go.set()
            first.join()
        assert (type(second), len(server.requests), state(instance)) == (errors.Unavailable, MORE, "closed")


def test_one_that_never_came_back_keeps_nobody_for_long() -> None:
    with vendor(*[answers(500)] * breakers.FAILURES, answers(200)) as server:
        instance = broken(server)
        long_ago = clock.iso(clock.now() - dt.timedelta(seconds=breakers.TRIAL + 1))
        kept = {**AdapterInstance.objects.get().breaker, "state": "half-open", "tried_at": long_ago, "opened_at": long_ago}
        AdapterInstance.objects.update(breaker=kept)
        assert send(instance) is None


def test_a_call_that_got_nowhere_counts_for_nothing() -> None:
    def nowhere() -> None:
        raise errors.Cancelled

    with vendor(answers(500)) as server:
        instance = broken(server)
    with after_its_rest():
        with pytest.raises(errors.Cancelled):
            breakers.guarded(instance, nowhere)
        assert state(instance) == "open"
        assert breakers.guarded(instance, lambda: "sent") == "sent"


def test_workers_count_together() -> None:
    with vendor(answers(500)) as server:
        instance = hook(server)
        others = [AdapterInstance.objects.get(pk=instance.pk) for _ in range(breakers.FAILURES)]
        for other in others:
            send(other)
        assert state(instance) == "open"


def test_a_connection_check_that_goes_well_closes_it() -> None:
    with vendor(answers(500)) as server:
        instance = broken(server)
        instances.check(instance=instance, actor=SETUP, now=NOW)
        assert state(instance) == "closed"


def test_a_change_of_the_instance_closes_it() -> None:
    with vendor(answers(500)) as server:
        instance = broken(server)
        instances.change(instance=instance, actor=SETUP, now=NOW, secrets={"secret": "another"})
        assert state(instance) == "closed"
