"""What is undone is undone where it was done, in its time, and nothing is sent after it."""

import datetime as dt
import threading
import time
import uuid

import pytest
import time_machine

from adapters import instances, registry
from adapters.models import Call
from core import clock
from playbooks_app.models import Execution
from playbooks_app.services import closing, executions, flights, keeping, leases, lost, planning
from tests import factories
from tests.playbooks_app.executions import worlds
from tests.playbooks_app.executions.laboratory import Died, Lab, Laboratory
from tests.playbooks_app.executions.people import LAST, ask, blind, click, killed, say, undo, write
from tests.playbooks_app.executions.worlds import driven, later, looked_again, step


@pytest.mark.parametrize("died", [False, True])
def test_nothing_is_sent_after_it_was_rolled_back(world, laboratory, monkeypatch, died):
    back = {"action": "lab.unlooked", "with": {"what": "b"}}
    again = {} if died else {"retry": {"attempts": 2, "backoff": "1ms"}}
    execution = driven(world.begin(write("a"), write("b", action="lab.looked", rollback=back, **again), level="L2"))
    click(world, execution, "a")
    driven(execution)
    click(world, execution, "b")
    laboratory.looks_fail = True
    laboratory.answers.append("dies before" if died else "lost before")
    if died:
        with pytest.raises(Died):
            driven(execution)
        later(execution)
    driven(execution)
    assert step(execution, "b").status == "uncertain"
    ask(world, execution, executions.rollback)
    driven(execution)
    laboratory.looks_fail, before = False, len(laboratory.sent)
    say(world, execution, "b", "look")
    looked_again(execution, monkeypatch)
    time.sleep(0.05)
    driven(execution)
    assert (execution.status, [one.what for one in laboratory.sent[before:] if one.action == "lab.looked"]) == ("rolled_back", [])


@pytest.fixture
def threads(transactional_db, settings, monkeypatch):
    settings.TASK_BACKEND, settings.CALL_THREADS = "core.tasks.drop", 4
    flights._pool.cache_clear()
    world, known = worlds.world(), {**registry.adapters(), "lab": Lab}
    monkeypatch.setattr(registry, "adapters", lambda: known)
    monkeypatch.setattr(Lab, "laboratory", Laboratory(), raising=False)
    instances.create(environment=world.environment, adapter="lab", name="lab", actor=factories.SETUP, now=factories.NOW)
    yield world
    flights._pool.cache_clear()


def test_a_click_in_flight_is_not_tried_again_after_the_rollback(threads, monkeypatch):
    world, laboratory, tries = threads, Lab.laboratory, []
    again = {"retry": {"attempts": 2, "backoff": "10ms"}}
    execution = driven(world.begin(write("a"), write("b"), write("c", **again), level="L2"))
    click(world, execution, "a")
    driven(execution)
    click(world, execution, "b", "c")
    real = laboratory.take

    def take(action, what, key):
        if (action, what) == ("lab.keyed", "b"):
            ask(world, execution, executions.rollback)
        if (action, what) == ("lab.keyed", "c"):
            tries.append(what)
            until = time.monotonic() + 10
            while len(tries) == 1 and Execution.objects.get().status != "rolling_back" and time.monotonic() < until:
                time.sleep(0.05)
            laboratory.answers.append("down")
        return real(action, what, key)

    monkeypatch.setattr(laboratory, "take", take)
    driven(execution)
    time.sleep(0.1)
    assert (driven(execution).status, tries) == ("rolled_back", ["c"])


def test_no_undo_is_sent_with_a_placeholder(world, laboratory):
    execution = driven(world.begin(blind("a", rollback=undo("{{ steps.a.output.on }}")), LAST))
    world.decide()
    laboratory.answers.append("lost after")
    driven(execution)
    say(world, execution, "a", "happened")
    ask(world, execution, executions.rollback)
    driven(execution)
    assert ([one.what for one in laboratory.sent], step(execution, "undo:a").status) == (["a"], "failed")


def test_an_undo_goes_where_its_write_went(world, laboratory):
    execution = driven(world.begin(write("a"), LAST))
    world.decide()
    driven(execution)
    other = instances.create(environment=world.environment, adapter="lab", name="other", actor=factories.SETUP, now=factories.NOW)
    instances.bind(instance=other, capability="lab", actor=factories.SETUP, now=factories.NOW)
    ask(world, execution, executions.rollback)
    driven(execution)
    made = {call.purpose: call.instance.name for call in Call.objects.select_related("instance")}
    assert made == {"step": "lab", "undo": "lab"}


def test_who_pauses_what_is_paused_takes_no_time_from_it(world):
    execution = driven(world.begin(LAST, timeout="20m"))
    before, now, by = execution.deadline, clock.now(), {"reason": "x", "actor": world.analyst.actor()}
    executions.pause(execution_id=execution.pk, now=now, **by)
    executions.pause(execution_id=execution.pk, now=now + dt.timedelta(minutes=50), **by)
    executions.resume(execution_id=execution.pk, now=now + dt.timedelta(hours=1), **by)
    execution.refresh_from_db()
    assert execution.deadline - before == dt.timedelta(hours=1)


def test_what_a_person_abandons_is_not_undone_after_it(world, laboratory):
    execution = driven(world.begin(write("a"), LAST))
    world.decide()
    driven(execution)
    ask(world, execution, executions.rollback)
    ask(world, execution, closing.abandon)
    assert (driven(execution).status, laboratory.did("lab.unkeyed", "a")) == ("abandoned", 0)


def test_a_cancel_is_heard_by_calls_in_flight_though_another_is_looked_for():
    lease, event = leases.Lease(uuid.uuid4(), "own", 1), threading.Event()
    with keeping.kept(lease):
        keeping.watch(lease, time.monotonic() + 5, event)
        keeping.watch(lease, time.monotonic() + 5)
        assert keeping._watches["own"].cancelled is event


def test_nothing_is_looked_up_for_one_that_was_cancelled_before_it_began(world, monkeypatch):
    made = []
    monkeypatch.setattr(planning, "_looked_for", lambda _drive, name, _now: made.append(name))
    execution = world.begin(LAST, enrich=["assets"])
    ask(world, execution, executions.cancel)
    assert (driven(execution).status, made) == ("cancelled", [])


def test_an_undo_has_the_time_of_its_step(world, laboratory, monkeypatch):
    seen, real = {}, flights.calls.send

    def send(call, *, timeout=30.0, **more):
        seen[call.purpose] = timeout
        return real(call, timeout=timeout, **more)

    monkeypatch.setattr(flights.calls, "send", send)
    execution = driven(world.begin(write("a", timeout="10m"), LAST))
    world.decide()
    driven(execution)
    ask(world, execution, executions.rollback)
    driven(execution)
    assert seen == {"step": 600.0, "undo": 600.0}


def test_an_undo_whose_record_is_gone_is_left_to_a_person(world, laboratory):
    execution = driven(world.begin(write("a", rollback={"action": "lab.unlooked", "with": {"what": "a"}}), LAST))
    world.decide()
    driven(execution)
    ask(world, execution, executions.rollback)
    laboratory.answers.append("dies before")
    with pytest.raises(Died):
        driven(execution)
    later(execution)
    Call.objects.filter(purpose="undo").update(instance=None)
    driven(execution)
    assert step(execution, "undo:a").status == "uncertain"


def test_an_undo_that_failed_for_a_moment_is_tried_again_as_its_step_is(world, laboratory):
    execution = driven(world.begin(write("a", retry={"attempts": 3, "backoff": "1h"}), write("b")))
    for _ in range(2):
        world.decide()
        driven(execution)
    ask(world, execution, executions.rollback)
    laboratory.answers.extend(["ok", "down"])
    driven(execution)
    undone = step(execution, "undo:a")
    assert (execution.status, undone.status, undone.waiting_for) == ("rolling_back", "not_started", "its next try")
    assert execution.wake_at == undone.retry_at
    with time_machine.travel(undone.retry_at, tick=False):
        assert driven(execution).status == "rolled_back"
    assert (laboratory.did("lab.unkeyed", "a"), step(execution, "undo:a").attempt) == (1, 2)


def test_an_undo_that_fails_time_and_again_has_failed(world, laboratory):
    execution = driven(world.begin(write("a", retry={"attempts": 2, "backoff": "1ms"}), LAST))
    world.decide()
    driven(execution)
    ask(world, execution, executions.rollback)
    laboratory.answers.extend(["down", "down"])
    driven(execution)
    time.sleep(0.01)
    driven(execution)
    assert (execution.status, execution.result["undone"]) == ("rolled_back", {"undo:a": "failed"})


def test_one_that_is_given_up_while_it_is_rolled_back_can_be_abandoned(world, laboratory, monkeypatch):
    execution = driven(world.begin(write("a", rollback=undo("z")), LAST))
    world.decide()
    driven(execution)
    ask(world, execution, executions.rollback)
    real = laboratory.take

    def take(action, about, key):
        if about == "z":
            raise Died
        return real(action, about, key)

    monkeypatch.setattr(laboratory, "take", take)
    killed(execution, lost.MOST + 1)
    assert execution.given_up_at is not None
    ask(world, execution, closing.abandon)
    execution.refresh_from_db()
    assert (execution.status, execution.result["undone"]) == ("abandoned", {"undo:a": "uncertain"})
    say(world, execution, "undo:a", "happened")
    assert (step(execution, "a").status, driven(execution).status) == ("rolled_back", "abandoned")
