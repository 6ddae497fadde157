"""Pairs of services that lock requests and executions."""

import threading

import pytest
from django.db import connection

from adapters.models import AdapterInstance
from approvals.models import Request
from approvals.services import requests
from core import clock
from playbooks_app.models import Execution, Playbook, PlaybookVersion
from playbooks_app.services import closing, executions, leases
from playbooks_app.spec import loader
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.worlds import WRITE, advanced, driven

pytestmark = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="locks of rows")
MANUAL = {"id": "tell", "kind": "manual", "instructions": "x"}


@pytest.fixture
def world(transactional_db, settings):
    settings.TASK_BACKEND = "core.tasks.drop"
    return worlds.world()


@pytest.mark.parametrize("level", ["L1", "L2"])
@pytest.mark.parametrize("end", [closing.abandon, closing.complete])
def test_a_person_who_ends_an_execution_and_the_driver_that_cancels_it_do_not_lock_each_other_out(world, monkeypatch, end, level):  # noqa: C901
    execution = driven(world.begin(WRITE, MANUAL, level=level))
    executions.cancel(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    main = threading.main_thread()
    locked_requests, locked_execution = threading.Event(), threading.Event()
    real_lock, real_locked = requests.lock, executions.locked

    def lock(ids):
        ids = list(ids)
        if ids and threading.current_thread() is main:
            assert locked_requests.wait(2) or True
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
    failed = []

    def drive():
        try:
            advanced(execution.pk)
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    worker = threading.Thread(target=drive)
    worker.start()
    assert locked_requests.wait(10)
    try:
        end(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    except Exception as error:  # noqa: BLE001
        failed.append(error)
    worker.join(20)
    connection.close()
    assert [error for error in failed if "deadlock" in str(error)] == []


def test_a_cancel_above_and_a_click_below_that_no_longer_fits_do_not_lock_each_other_out(world, monkeypatch):

    document = {"apiVersion": "runbookpilot/v1", "metadata": {"id": "child", "name": "Child", "version": "1.0.0"}, "level": "L2", "steps": [WRITE]}
    playbook = Playbook.objects.create(tenant=world.tenant, slug="child", name="Child")
    playbook.active_version = PlaybookVersion.objects.create(
        tenant=world.tenant, playbook=playbook, number="1.0.0", source="", document=document,
        digest=loader.digest_of(document), level="L2", status="active",
    )  # fmt: skip
    playbook.save()
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
    failed = []

    def drive():
        try:
            advanced(child.pk)
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    worker = threading.Thread(target=drive)
    worker.start()
    assert below_locked.wait(10)
    try:
        driven(parent)
    except Exception as error:  # noqa: BLE001
        failed.append(error)
    worker.join(20)
    connection.close()
    assert [str(error) for error in failed if "deadlock" in str(error)] == []
    assert set(Request.objects.values_list("status", flat=True)) == {"withdrawn"} or failed
