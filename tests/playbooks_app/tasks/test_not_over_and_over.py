import datetime as dt
import functools
import types

import pytest
from django.db import connection

from accounts.services import stops
from core import clock
from core.actors import system
from playbooks_app import tasks
from playbooks_app.models import Execution
from playbooks_app.services import runner
from playbooks_app.tasks import executions as driving
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.worlds import READ, WRITE, driven


@pytest.fixture
def world(db, settings, monkeypatch):
    settings.TASK_BACKEND = "core.tasks.drop"
    monkeypatch.setattr(connection, "_allow_calls_in_tests", True, raising=False)
    return worlds.world()


def test_one_word_to_an_execution_whose_worker_waits_for_a_vendor_is_not_said_each_second(world, monkeypatch):
    execution = world.begin(READ)
    now = [clock.now()]
    # A worker waits for a vendor: nothing is committed for a minute. The broker repeats one message.
    Execution.objects.filter(pk=execution.pk).update(lease_owner="alive", lease_until=now[0], status="executing", wake_at=None)
    assert not runner.advance(execution.pk)
    monkeypatch.setattr(clock, "now", lambda: now[0])
    handed = []
    for _ in range(60):
        Execution.objects.filter(pk=execution.pk).update(lease_until=now[0])  # renewed
        now[0] += dt.timedelta(seconds=1)
        handed.append(len(list(driving.due(now=now[0]))))
        tasks.sweep_executions()
    assert sum(handed) <= 7, handed


def test_under_a_stop_what_waits_for_a_person_is_not_driven_over_and_over(world, monkeypatch):
    execution = driven(world.begin(WRITE))
    assert execution.status == "awaiting_approval"
    stops.engage(tenant=world.tenant, reason="r", actor=system("admin"), now=clock.now())
    execution = driven(execution)
    at = clock.now()
    drives = 0
    for _ in range(60):
        at += dt.timedelta(seconds=1)
        monkeypatch.setattr(clock, "now", functools.partial(getattr, types.SimpleNamespace(at=at), "at"))
        drives += driving.due(now=at).count()
        tasks.sweep_executions()
    assert drives <= 2, drives
