"""Calls at once, on real threads with connections of their own; leases kept and lost meanwhile."""

import datetime as dt
import threading

import pytest

from adapters import calls
from adapters.edr.mock import MockEdr
from adapters.models import Call
from audit.selectors import entries
from core import clock, turns
from playbooks_app.models import Execution
from playbooks_app.services import executions, flights, keeping, leases
from tests import factories
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.worlds import READ, driven, step

AT_ONCE = 3


@pytest.fixture
def world(transactional_db, settings):
    settings.TASK_BACKEND = "core.tasks.drop"
    settings.CALL_THREADS = 4
    flights._pool.cache_clear()
    yield worlds.world()
    flights._pool.cache_clear()


def reads(*ids, **more):
    return [{**READ, "id": step_id, "needs": [], **more} for step_id in ids]


@pytest.fixture
def together(monkeypatch):
    """Calls that come back only once all of them are under way."""
    barrier, real = threading.Barrier(AT_ONCE, timeout=20), calls.send

    def send(*args, **kwargs):
        barrier.wait()
        return real(*args, **kwargs)

    monkeypatch.setattr(calls, "send", send)


def kinds(execution):
    return [entry.kind for entry in entries.of_stream(f"execution:{execution.pk}")]


def test_steps_that_need_nothing_of_each_other_run_at_once(world, together):
    execution = driven(world.begin(*reads("a", "b", "c")))
    assert execution.status == "completed"
    assert [step(execution, step_id).status for step_id in "abc"] == ["completed"] * 3


def test_iterations_run_at_once(world, together):
    each = {"id": "all", "action": READ["action"], "for_each": ["x", "y", "z"], "with": {"host": "{{ item }}"}}
    assert driven(world.begin(each)).status == "completed"


def test_a_step_starts_as_soon_as_what_it_needs_has_ended(world, monkeypatch):
    real, released = calls.send, threading.Event()

    def send(call, **kwargs):
        if call.step == "slow":
            assert released.wait(20)
        elif call.step == "after":
            released.set()
        return real(call, **kwargs)

    monkeypatch.setattr(calls, "send", send)
    execution = driven(world.begin(*reads("slow", "quick"), {**READ, "id": "after", "needs": ["quick"]}))
    assert execution.status == "completed"


def test_executions_that_wait_for_vendors_take_no_turn(world, monkeypatch):
    monkeypatch.setattr(turns, "_turns", threading.BoundedSemaphore(1))
    monkeypatch.setattr(MockEdr, "local", False)
    barrier, real = threading.Barrier(AT_ONCE, timeout=20), MockEdr.execute

    def execute(adapter, name, params, context):
        barrier.wait()
        return real(adapter, name, params, context)

    monkeypatch.setattr(MockEdr, "execute", execute)
    first = world.begin(READ)
    others = [
        executions.start(tenant=world.tenant, environment=world.environment, version=first.version, actor=factories.SETUP, now=clock.now())
        for _ in range(AT_ONCE - 1)
    ]
    threads = [threading.Thread(target=worlds.advanced, args=(execution.pk,)) for execution in (first, *others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert list(Execution.objects.values_list("status", flat=True)) == ["completed"] * AT_ONCE
    assert turns._turns._value == 1


def test_a_failure_lets_calls_under_way_finish_and_starts_nothing_more(world, monkeypatch):
    real, failed = calls.send, threading.Event()
    world.script("edr.get_isolation_status", "auth", remaining=1)

    def send(call, **kwargs):
        if call.step == "slow":
            assert failed.wait(20)
        outcome = real(call, **kwargs)
        if call.step == "bad":
            failed.set()
        return outcome

    monkeypatch.setattr(calls, "send", send)
    execution = driven(world.begin(*reads("bad", "slow"), {**READ, "id": "after", "needs": ["slow"]}))
    found = {step_id: step(execution, step_id).status for step_id in ("bad", "slow", "after")}
    assert (execution.status, found) == ("failed", {"bad": "failed", "slow": "completed", "after": "cancelled"})


def test_numbers_have_no_gaps_however_calls_come_back(world, together):
    execution = driven(world.begin(*reads("a", "b", "c")))
    numbers = [entry.seq for entry in entries.of_stream(f"execution:{execution.pk}")]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_call_that_does_not_come_back_is_given_up_and_recorded_when_it_does(world, monkeypatch):
    real, given_up, answered = calls.send, threading.Event(), threading.Event()
    monkeypatch.setattr(flights, "GRACE", 0.1)

    def send(call, **kwargs):
        if call.step != "hung":
            return real(call, **kwargs)
        assert given_up.wait(20)
        try:
            return real(call, **kwargs)
        finally:
            answered.set()

    monkeypatch.setattr(calls, "send", send)
    steps = [*reads("hung", timeout="1s", on_error="continue"), *reads("fine")]
    execution = driven(world.begin(*steps))
    assert (execution.status, step(execution, "hung").error["code"]) == ("completed", "timeout")
    given_up.set()
    assert answered.wait(20)
    _until(lambda: "step:late" in kinds(execution))
    assert step(execution, "hung").status == "failed"


@pytest.fixture
def busy(monkeypatch, settings):
    """Two threads for calls, which `first` occupies until told to go on, and `second` for 1 s; yields how long each other call was given."""
    settings.CALL_THREADS = 2
    flights._pool.cache_clear()
    monkeypatch.setattr(flights, "GRACE", 0.2)
    real, given, go_on = calls.send, {}, threading.Event()

    def send(call, *, timeout, **kwargs):
        if call.step == "first":
            assert go_on.wait(20)
        elif call.step == "second":
            go_on.wait(1)
        else:
            given[call.step] = timeout
        return real(call, timeout=timeout, **kwargs)

    monkeypatch.setattr(calls, "send", send)
    yield given, go_on
    go_on.set()


def test_a_call_that_found_no_thread_in_its_time_is_never_sent(world, busy):
    given, go_on = busy
    threading.Timer(3, go_on.set).start()
    steps = [*reads("first", "second", timeout="15s"), *reads("third", timeout="500ms", on_error="continue")]
    execution = driven(world.begin(*steps))
    assert (execution.status, step(execution, "third").error["code"]) == ("completed", "unavailable")
    flights._pool().shutdown(wait=True)
    assert given == {}
    assert "step:late" not in kinds(execution)


def test_a_call_that_waited_for_a_thread_has_what_is_left_of_its_time(world, busy):
    given, go_on = busy
    threading.Timer(3, go_on.set).start()
    execution = driven(world.begin(*reads("first", "second", timeout="15s"), *reads("third", timeout="5s")))
    assert execution.status == "completed"
    assert 0 < given["third"] < 5.2 - 0.9


def test_a_lease_is_kept_while_a_call_takes_longer_than_it_lasts(world, monkeypatch):
    monkeypatch.setattr(leases, "LENGTH", dt.timedelta(seconds=1.5))
    monkeypatch.setattr(keeping, "SECONDS", 0.2)
    real = calls.send

    def send(call, **kwargs):
        threading.Event().wait(3)
        return real(call, **kwargs)

    monkeypatch.setattr(calls, "send", send)
    execution = world.begin(READ)
    thread = threading.Thread(target=worlds.advanced, args=(execution.pk,))
    thread.start()
    _until(lambda: Call.objects.exists())
    taken = Execution.objects.get(pk=execution.pk)
    threading.Event().wait(2)
    before = Execution.objects.get(pk=execution.pk)
    assert before.lease_until > taken.lease_until
    thread.join(20)
    execution.refresh_from_db()
    assert (execution.status, execution.fence) == ("completed", before.fence)


def test_a_driver_that_lost_its_lease_records_the_answer_and_applies_nothing(world, monkeypatch):
    real = calls.send

    def send(call, **kwargs):
        outcome = real(call, **kwargs)
        Execution.objects.filter(pk=call.owner_id).update(fence=99, lease_owner="another")
        return outcome

    monkeypatch.setattr(calls, "send", send)
    execution = driven(world.begin(READ))
    assert step(execution, "look").status == "in_progress"
    assert kinds(execution)[-1] == "step:late"


def test_a_call_that_was_given_up_is_not_late_before_it_answers(world, monkeypatch):
    monkeypatch.setattr(flights, "GRACE", 0.1)
    real, go_on = calls.send, threading.Event()

    def send(call, **kwargs):
        Execution.objects.filter(pk=call.owner_id).update(fence=99, lease_owner="another")
        assert go_on.wait(20)
        return real(call, **kwargs)

    monkeypatch.setattr(calls, "send", send)
    execution = driven(world.begin(*reads("a", "b", timeout="1s")))
    assert "step:late" not in kinds(execution)
    go_on.set()
    _until(lambda: kinds(execution).count("step:late") == 2)


def test_a_call_under_way_hears_of_a_cancel(world, monkeypatch):
    monkeypatch.setattr(keeping, "SECONDS", 0.1)
    heard = threading.Event()

    def send(call, *, timeout, cancelled):
        executions.cancel(execution_id=execution.pk, reason="enough", actor=world.analyst.actor(), now=clock.now())
        heard.set() if cancelled.wait(20) else None
        return calls.Outcome(output={})

    execution = world.begin(READ)
    monkeypatch.setattr(calls, "send", send)
    assert driven(execution).status == "cancelled"
    assert heard.is_set()


def _until(holds, seconds=20.0):
    waited = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if holds():
            return
        waited.wait(0.05)
    raise AssertionError("it did not happen in time")
