"""Clocks that are set forward and back while an execution runs."""

import datetime as dt

import pytest
import time_machine

from core import clock
from playbooks_app.models import Execution
from playbooks_app.services import executions, leases
from playbooks_app.tasks import sweep_executions
from tests.playbooks_app.executions.worlds import READ, driven

HOURS = dt.timedelta(hours=2)


def write(step_id):
    undo = {"action": "lab.unkeyed", "with": {"what": step_id}}
    return {"id": step_id, "action": "lab.keyed", "with": {"what": step_id}, "rollback": undo}


def test_writes_are_undone_last_first_though_the_clock_was_set_back_between_them(world, laboratory):
    execution = driven(world.begin(write("first"), write("second")))
    world.decide()
    driven(execution)
    with time_machine.travel(clock.now() - HOURS):
        world.decide()
        driven(execution)
        executions.rollback(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
        driven(execution)
    undone = [sent.what for sent in laboratory.sent if sent.action == "lab.unkeyed"]
    assert undone == ["second", "first"]


def test_a_lease_of_a_dead_worker_does_not_outlast_a_clock_that_is_set_back(world):
    execution = world.begin(READ)
    Execution.objects.filter(pk=execution.pk).update(lease_owner="dead", lease_until=clock.now() + HOURS)
    assert sweep_executions() == 1
    assert driven(execution).status == "completed"


def test_a_lease_that_is_held_is_left_alone(world):
    execution = world.begin(READ)
    Execution.objects.filter(pk=execution.pk).update(lease_owner="alive", lease_until=clock.now() + leases.LENGTH, wake_at=None)
    assert sweep_executions() == 0


@pytest.mark.parametrize(("status", "handed_out"), [("idle", 1), ("executing", 1), ("rolling_back", 1), ("waiting", 0)])
def test_what_was_handed_out_before_a_clock_was_set_back_is_handed_out_again(world, status, handed_out):
    execution = world.begin(READ)
    Execution.objects.filter(pk=execution.pk).update(status=status, wake_at=clock.now() + HOURS)
    assert sweep_executions() == handed_out
