"""However clocks are set, people have the whole time of a request; and it does end."""

import datetime as dt

import pytest

from approvals import tasks
from approvals.models import Waited
from approvals.services import requests, waiting
from core import clock, uptime
from tests.approvals.worlds import TTL, decide
from tests.factories import NOW

HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)
STEPS = {
    "forth": [5 * HOUR],
    "back": [-5 * HOUR],
    "back and forth": [-5 * HOUR, 5 * HOUR],
    "forth and back": [5 * HOUR, -5 * HOUR],
    "back, and twice as far forth": [-5 * HOUR, 10 * HOUR],
    "by half a minute again and again": [MINUTE / 2] * 20,
    "not at all": [],
}


class Time:
    """A clock that is set, and time that passes; both seen by one who sweeps on a machine."""

    def __init__(self):
        self.now, self.up, self.machine, self.watch = NOW, 1000.0, "here", waiting.Watch()

    def passes(self, length, every=MINUTE):
        for _ in range(int(length / every)):
            self.asleep(every)
            tasks.expire_due()

    def asleep(self, length):
        self.now, self.up = self.now + length, self.up + length.total_seconds()

    def is_set(self, by):
        self.now += by
        tasks.expire_due()


@pytest.fixture
def time(monkeypatch):
    made = Time()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    monkeypatch.setattr(uptime, "seconds", lambda: made.up)
    monkeypatch.setattr(uptime, "machine", lambda: made.machine)
    monkeypatch.setattr(waiting, "look", lambda: made.watch.look())
    return made


@pytest.fixture
def request_(tenant, time):
    asked = tenant.ask(on_timeout="approve")
    tasks.expire_due()
    return asked


def status(request):
    request.refresh_from_db()
    return request.status


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_nothing_is_approved_by_time_out_before_its_whole_time_has_passed_nor_much_later(time, request_, steps):
    for by in steps:
        time.is_set(by)
    time.passes(TTL - MINUTE)
    assert status(request_) == "pending"
    time.passes(2 * MINUTE)
    assert status(request_) == "approved"


@pytest.mark.parametrize("steps", STEPS.values(), ids=STEPS)
def test_people_are_shown_how_long_they_really_have(time, request_, steps):
    for by in steps:
        time.is_set(by)
    request_.refresh_from_db()
    assert abs(request_.expires_at - (time.now + TTL)) <= 2 * waiting.OFF


def test_who_decides_after_a_clock_was_set_forth_is_not_too_late(tenant, time, request_):
    time.now += 5 * HOUR
    assert decide(request_, tenant.ann, now=time.now).status == "approved"


def test_who_decides_after_its_time_is_too_late_though_nobody_has_noticed_yet(tenant, time, request_):
    time.asleep(TTL)
    with pytest.raises(requests.NotPending, match="run out"):
        decide(request_, tenant.ann, now=time.now)


def test_what_passes_while_nobody_sweeps_on_this_machine_counts(time, request_):
    time.asleep(TTL)
    time.watch = waiting.Watch()
    tasks.expire_due()
    assert status(request_) == "approved"


def test_after_a_restart_of_the_machine_it_goes_on_from_what_was_seen(time, request_):
    time.passes(TTL / 2)
    time.machine, time.up, time.watch, time.now = "here again", 5.0, waiting.Watch(), time.now + 9 * HOUR
    time.passes(TTL / 2 - MINUTE)
    assert status(request_) == "pending"
    time.passes(2 * MINUTE)
    assert status(request_) == "approved"


def test_one_that_was_asked_while_nobody_swept_has_its_whole_time(tenant, time):
    tasks.expire_due()
    time.asleep(TTL / 2)
    asked = tenant.ask(on_timeout="approve")
    time.asleep(TTL / 2)
    tasks.expire_due()
    time.passes(TTL - MINUTE)
    assert status(asked) == "pending"


def test_two_machines_that_sweep_count_what_passes_once(time, request_):
    watches = {"here": time.watch, "there": waiting.Watch()}
    for minute in range(59):
        time.asleep(MINUTE)
        for name, up in (("here", 0.0), ("there", 777.0)):
            time.machine, time.watch, time.up = name, watches[name], 1000.0 + up + 60 * (minute + 1)
            tasks.expire_due()
    assert status(request_) == "pending"
    time.passes(2 * MINUTE)
    assert status(request_) == "approved"


def test_it_is_written_down_now_and_then_alone(time, request_, django_assert_num_queries):
    with django_assert_num_queries(1):
        time.watch.look()
    time.passes(MINUTE)
    assert Waited.objects.get().seconds == 60.0
