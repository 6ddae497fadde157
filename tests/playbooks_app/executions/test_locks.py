"""Those who lock several rows do so in one order: nobody waits for the other in a circle."""

import contextlib
import threading
import time

import pytest
from django.db import connection

from adapters.models import AdapterInstance
from approvals.models import Request
from approvals.services import requests
from core import clock
from playbooks_app.models import Execution
from playbooks_app.services import children, closing, consent, executions, leases
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.worlds import READ, WRITE, advanced, driven

pytestmark = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has one writer at a time, and no locks of rows")
MANUAL = {"id": "tell", "kind": "manual", "instructions": "x"}


@pytest.fixture
def world(transactional_db, settings):
    settings.TASK_BACKEND = "core.tasks.drop"
    return worlds.world()


@pytest.fixture
def beside():
    """Have an execution driven on another thread; return the thread and what it failed with."""

    def work(execution):
        failed = []

        def drive():
            try:
                advanced(execution.pk)
            except Exception as error:  # noqa: BLE001
                failed.append(error)

        worker = threading.Thread(target=drive)
        worker.start()
        return worker, failed

    return work


@pytest.mark.parametrize("end", [closing.abandon, closing.complete, executions.cancel, executions.pause])
def test_whoever_ends_an_execution_and_the_end_of_the_one_below_do_not_lock_each_other_out(world, monkeypatch, beside, end):
    world.publish(READ)
    parent = driven(world.begin({"id": "sub", "kind": "playbook", "playbook": "child"}))
    child = Execution.objects.get(parent_step__execution=parent)
    begun, wake = threading.Event(), children.wake_parent

    def wake_parent(execution):
        begun.set()
        time.sleep(1)
        return wake(execution)

    monkeypatch.setattr(children, "wake_parent", wake_parent)
    worker, failed = beside(child)
    assert begun.wait(10)
    end(execution_id=parent.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    worker.join(20)
    child.refresh_from_db()
    assert (failed, child.status) == ([], "completed")


def test_one_that_is_being_started_while_a_pause_is_asked_for_is_held(world, monkeypatch, beside):
    world.publish(READ)
    parent = world.begin({"id": "sub", "kind": "playbook", "playbook": "child"})
    begun, start = threading.Event(), executions.start

    def slow(**given):
        child = start(**given)
        begun.set()
        time.sleep(1)
        return child

    monkeypatch.setattr(executions, "start", slow)
    worker, failed = beside(parent)
    assert begun.wait(10)
    executions.pause(execution_id=parent.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    worker.join(20)
    child = Execution.objects.get(parent_step__execution=parent)
    assert (failed, child.control["pause"]["above"]) == ([], True)


def test_a_click_and_the_cancel_of_the_execution_do_not_lock_each_other_out(world, monkeypatch, beside):
    execution = driven(world.begin(WRITE, MANUAL, level="L2"))
    executions.cancel(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    clicking, closing_ = threading.Event(), threading.Event()
    real_record, real_close = requests.record, consent.close

    def record(*args, **more):
        if threading.current_thread() is threading.main_thread():
            clicking.set()
            # Whoever closes the request waits for this click, and has written nothing yet that the click waits for.
            closing_.wait(2)
        return real_record(*args, **more)

    def close(runs, **more):
        runs = list(runs)
        if runs:
            closing_.set()
        return real_close(runs, **more)

    real_lock = requests.lock

    def lock(ids):
        ids = list(ids)
        if ids and threading.current_thread() is not threading.main_thread():
            assert clicking.wait(10)
        return real_lock(ids)

    monkeypatch.setattr(requests, "record", record)
    monkeypatch.setattr(consent, "close", close)
    monkeypatch.setattr(requests, "lock", lock)
    worker, failed = beside(execution)
    world.decide()
    worker.join(20)
    assert (failed, worlds.writes()) == ([], [])
    assert driven(execution).status == "cancelled"
    connection.close()


@pytest.mark.parametrize("level", ["L1", "L2"])
@pytest.mark.parametrize("end", [closing.abandon, closing.complete])
def test_a_person_who_ends_an_execution_and_the_driver_that_cancels_it_do_not_lock_each_other_out(world, monkeypatch, beside, end, level):
    execution = driven(world.begin(WRITE, MANUAL, level=level))
    executions.cancel(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    main = threading.main_thread()
    locked_requests, locked_execution = threading.Event(), threading.Event()
    real_lock, real_locked = requests.lock, executions.locked

    def lock(ids):
        ids = list(ids)
        found = real_lock(ids)
        if ids and threading.current_thread() is not main:
            locked_requests.set()
            locked_execution.wait(2)
        return found

    def locked(execution_id):
        found = real_locked(execution_id)
        if threading.current_thread() is main:
            locked_execution.set()
        return found

    monkeypatch.setattr(requests, "lock", lock)
    monkeypatch.setattr(executions, "locked", locked)
    worker, failed = beside(execution)
    assert locked_requests.wait(10)
    # The cancel may have come first, and then says so.
    with contextlib.suppress(executions.HasEnded):
        end(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    worker.join(20)
    connection.close()
    assert failed == []


def test_a_cancel_above_and_a_click_below_that_no_longer_fits_do_not_lock_each_other_out(world, monkeypatch, beside):
    world.publish(WRITE, level="L2")
    parent = driven(world.begin({"id": "sub", "kind": "playbook", "playbook": "child"}, MANUAL, level="L2"))
    child = driven(Execution.objects.get(parent_step__execution=parent))
    driven(parent)
    world.decide()
    AdapterInstance.objects.update(name="edr2")
    executions.cancel(execution_id=parent.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    main = threading.main_thread()
    below_locked, above_woke = threading.Event(), threading.Event()
    real_lock, real_wake = requests.lock, leases.wake

    def lock(ids):
        found = real_lock(ids := list(ids))
        if ids and threading.current_thread() is not main:
            below_locked.set()
            above_woke.wait(4)
        return found

    def wake(execution_id, **more):
        if threading.current_thread() is main and execution_id == child.pk:
            below_locked.wait(4)
            found = real_wake(execution_id, **more)
            above_woke.set()
            return found
        return real_wake(execution_id, **more)

    monkeypatch.setattr(requests, "lock", lock)
    monkeypatch.setattr(leases, "wake", wake)
    worker, failed = beside(child)
    assert below_locked.wait(10)
    driven(parent)
    worker.join(20)
    connection.close()
    assert failed == []
    assert set(Request.objects.values_list("status", flat=True)) == {"withdrawn"}
