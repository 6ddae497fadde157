"""Clocks that are set forward and back while an execution runs."""

import datetime as dt

import pytest
import time_machine

from audit.selectors import entries
from core import clock
from playbooks_app.models import Execution
from playbooks_app.selectors import snapshots
from playbooks_app.services import executions, leases
from playbooks_app.services.drive import Drive
from playbooks_app.tasks import sweep_executions
from tests.playbooks_app.executions.worlds import READ, driven, later

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


def held(world, until):
    """An execution that a worker drives by whose clock its lease runs until then."""
    execution = world.begin(READ)
    Execution.objects.filter(pk=execution.pk).update(lease_owner="one", lease_until=until, wake_at=None)
    return execution


@pytest.mark.parametrize("by", [-HOURS, HOURS])
def test_a_lease_of_a_dead_worker_ends_though_a_clock_was_set(world, by, monkeypatch):
    execution = held(world, clock.now() + by)
    sweep_executions()
    monkeypatch.setattr(leases, "LENGTH", dt.timedelta(0))
    assert sweep_executions() == 1
    assert driven(execution).status == "completed"


@pytest.mark.parametrize("by", [-HOURS, HOURS])
def test_a_lease_that_is_held_is_not_taken_whatever_a_clock_says(world, by):
    execution = held(world, clock.now() + leases.LENGTH)
    sweep_executions()
    with time_machine.travel(clock.now() + by):
        assert sweep_executions() == 0
        assert driven(execution).lease_owner == "one"


def test_a_lease_that_is_renewed_is_not_ended_however_often_it_is_looked_at(world, monkeypatch):
    monkeypatch.setattr(leases, "LENGTH", dt.timedelta(0))
    execution = held(world, clock.now())
    for _ in range(3):
        assert sweep_executions() == 0
        Execution.objects.filter(pk=execution.pk).update(lease_until=clock.now())


def test_a_driver_renews_its_lease_though_the_clock_was_set_back(world, monkeypatch):
    execution = world.begin(*({**READ, "id": f"s{number}"} for number in range(2)))
    lease = leases.acquire(snapshots.read(execution.pk), owner="one", now=clock.now())
    drive = Drive(snapshots.read(execution.pk), lease)
    lease.renewed -= leases.LENGTH.total_seconds() / 2
    with time_machine.travel(clock.now() - HOURS):
        drive.place(drive.runs["s0"], "skipped", clock.now())
        drive.commit()
    before, now = drive.execution.lease_until, Execution.objects.get(pk=execution.pk).lease_until
    assert now < before
    assert lease.age < 1


def test_a_worker_goes_on_with_a_lease_that_was_ended_and_that_nobody_took(world):
    execution = world.begin(READ)
    lease = leases.acquire(snapshots.read(execution.pk), owner="one", now=clock.now())
    later(execution)
    assert leases.renew(lease, now=clock.now())
    assert leases.acquire(snapshots.read(execution.pk), owner="two", now=clock.now()) is None


@pytest.mark.parametrize("status", ["idle", "executing", "rolling_back", "waiting", "awaiting_approval"])
def test_what_was_put_off_before_a_clock_was_set_back_is_handed_out(world, status):
    execution = world.begin(READ)
    at = clock.now() + HOURS
    Execution.objects.filter(pk=execution.pk).update(status=status, wake_at=at, wake_noted_at=at)
    assert sweep_executions() == 1


def test_what_was_put_off_by_hours_is_left_alone_until_then(world):
    execution = driven(world.begin({**PAUSE, "duration": "5h"}))
    assert execution.wake_at - clock.now() > HOURS
    assert sweep_executions() == 0


def swept(execution):
    """Let the sweep find what is due by the clock as it is now."""
    sweep_executions()
    execution.refresh_from_db()
    return execution


RETRIED = {"id": "a", "action": "lab.status", "with": {"what": "a"}, "retry": {"attempts": 2, "backoff": "10s"}}
PAUSE = {"id": "pause", "kind": "wait", "duration": "10m"}
NEVER = {"id": "never", "kind": "wait", "until": "inputs.x == 1", "every": "1h", "timeout": "10m"}
BACK = [  # What waits, how long, and how it stands afterwards.
    ([RETRIED], {}, 10, "completed"), ([PAUSE], {}, 600, "completed"), ([NEVER], {}, 600, "failed"),
    ([{"id": "do", "kind": "manual", "instructions": "x"}], {"timeout": "20m"}, 1200, "failed"),
]  # fmt: skip


@pytest.mark.parametrize(("steps", "around", "seconds", "ends"), BACK)
def test_a_clock_that_is_set_back_costs_at_most_the_length_of_the_pause_once_more(world, laboratory, steps, around, seconds, ends):
    laboratory.looks_fail = True
    execution = driven(world.begin(*steps, **around))
    laboratory.looks_fail = False
    start = clock.now() - HOURS
    with time_machine.travel(start, tick=False):
        assert swept(execution).status != ends
    with time_machine.travel(start + dt.timedelta(seconds=seconds - 1), tick=False):
        assert swept(execution).status != ends
    with time_machine.travel(start + dt.timedelta(seconds=seconds + 1), tick=False):
        assert swept(execution).status == ends


def test_what_is_counted_anew_is_counted_once_and_journaled(world):
    execution = driven(world.begin(PAUSE))
    with time_machine.travel(clock.now() - HOURS):
        first = swept(execution).wake_at
        assert swept(execution).wake_at == first
        told = [entry.data.get("why") for entry in entries.of_stream(f"execution:{execution.pk}")]
    assert told.count("a clock was set back") == 1


def test_a_clock_that_is_set_forward_repeats_nothing(world, laboratory):
    laboratory.answers.append("down")
    execution = driven(world.begin({**write("a"), "retry": {"attempts": 2, "backoff": "10s"}}))
    world.decide()
    driven(execution)
    for _ in range(2):
        with time_machine.travel(clock.now() + HOURS):
            swept(execution)
        swept(execution)
    assert [sent.done for sent in laboratory.sent] == [False, True]


def test_the_time_of_a_pause_during_which_the_clock_is_set_back_is_never_less_than_nothing(world):
    execution = driven(world.begin(PAUSE, timeout="20m"))
    deadline = execution.deadline
    actor = world.analyst.actor()
    executions.pause(execution_id=execution.pk, reason="x", actor=actor, now=clock.now())
    resumed = executions.resume(execution_id=execution.pk, reason="x", actor=actor, now=clock.now() - HOURS)
    assert resumed.deadline == deadline
