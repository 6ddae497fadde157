"""The sweep drives what nobody drives: due, lapsed, or lost between commit and broker."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection

from audit.selectors import entries
from core import clock
from playbooks_app import tasks
from playbooks_app.models import Execution, PlaybookVersion
from playbooks_app.services import leases
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.worlds import READ, World

MANUAL = {"id": "tell", "kind": "manual", "instructions": "Tell somebody."}


@pytest.fixture
def world(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    settings.TASK_BACKEND = "core.tasks.drop"
    monkeypatch.setattr(connection, "_allow_calls_in_tests", True, raising=False)
    return worlds.world()


def change(execution: Execution, **fields: Any) -> None:
    Execution.objects.filter(pk=execution.pk).update(**fields)


def status(execution: Execution) -> str:
    return str(Execution.objects.get(pk=execution.pk).status)


def test_an_execution_whose_time_has_come_is_driven(world: World) -> None:
    execution = world.begin(READ)
    change(execution, wake_at=clock.now())
    assert tasks.sweep_executions() == 1
    assert status(execution) == "completed"


def test_an_execution_whose_worker_stopped_is_driven(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    execution = world.begin(READ)
    change(execution, lease_owner="dead", lease_until=clock.now(), wake_at=None)
    assert tasks.sweep_executions() == 0
    monkeypatch.setattr(leases, "LENGTH", dt.timedelta(0))
    assert tasks.sweep_executions() == 1
    assert "execution:taken_over" in [entry.kind for entry in entries.of_stream(f"execution:{execution.pk}")]


def test_an_execution_that_another_worker_drives_is_left_alone(world: World) -> None:
    execution = world.begin(READ)
    change(execution, lease_owner="alive", lease_until=clock.now() + dt.timedelta(seconds=20), status="executing", wake_at=None)
    assert tasks.sweep_executions() == 0
    assert status(execution) == "executing"


def test_an_execution_that_waits_for_a_person_is_left_alone(world: World) -> None:
    execution = worlds.driven(world.begin(MANUAL))
    assert tasks.sweep_executions() == 0
    assert status(execution) == "awaiting_input"


def test_one_that_cannot_be_driven_does_not_keep_the_others_from_it(world: World) -> None:
    broken, good = world.begin(READ), None
    PlaybookVersion.objects.filter(pk=broken.version_id).update(document={"no": "playbook"}, digest="x")
    good = worlds.world().begin(READ)
    change(broken, wake_at=clock.now() - dt.timedelta(seconds=9))
    change(good, wake_at=clock.now())
    assert tasks.sweep_executions() == 1
    assert (status(broken), status(good)) == ("idle", "completed")


def test_one_that_cannot_be_driven_is_tried_again_later(world: World) -> None:
    broken = world.begin(READ)
    PlaybookVersion.objects.filter(pk=broken.version_id).update(document={"no": "playbook"}, digest="x")
    change(broken, wake_at=clock.now())
    tasks.sweep_executions()
    row = Execution.objects.get(pk=broken.pk)
    assert row.wake_at is not None
    assert (row.lease_owner, row.wake_at > clock.now()) == ("", True)
