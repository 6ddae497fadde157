"""An execution that kills its worker every time is given up, seen by people, and driven again when they say so."""

import datetime as dt

import pytest
from django.test import Client

from audit import pump
from audit.selectors import deliveries, entries
from audit.services import dead_letters
from core import clock
from playbooks_app.api import shapes
from playbooks_app.models import Execution
from playbooks_app.services import closing, executions, lost, planning
from playbooks_app.tasks import sweep_executions
from tests import factories
from tests.playbooks_app.executions.laboratory import Died
from tests.playbooks_app.executions.people import killed
from tests.playbooks_app.executions.worlds import driven, later, looked_again, step


def read(step_id, **more):
    return {"id": step_id, "action": "lab.status", "with": {"what": step_id}, **more}


@pytest.fixture
def deadly(laboratory, monkeypatch):
    """A vendor whose answer about `deadly[0]` kills whoever asks, as a segmentation fault would."""
    what, real = ["bad"], laboratory.take

    def take(action, about, key):
        if about in what:
            raise Died
        return real(action, about, key)

    monkeypatch.setattr(laboratory, "take", take)
    return what


def again(execution):
    """Start the same playbook once more; nobody drives it yet."""
    return executions.start(
        tenant=execution.tenant, environment=execution.environment, version=execution.version, actor=factories.SETUP, now=clock.now()
    )


def letter():
    return deliveries.view(deliveries.dead_letters().get())


def test_one_that_kills_its_worker_every_time_is_given_up(world, deadly):
    execution = world.begin(read("good"), read("bad"))
    killed(execution, lost.MOST + 1)
    assert (execution.status, execution.lease_owner, execution.wake_at) == ("awaiting_input", "", None)
    assert step(execution, "good").status == "completed"
    assert step(execution, "bad").waiting_for == lost.WAITS_FOR
    assert (letter().tenant_id, letter().kind) == (world.tenant.pk, "execution:given_up")
    assert "lost 5 times in a row at bad" in letter().error


def test_one_that_is_given_up_is_driven_by_nobody(world, deadly):
    execution = world.begin(read("bad"))
    killed(execution, lost.MOST + 1)
    fence = execution.fence
    Execution.objects.filter(pk=execution.pk).update(wake_at=clock.now())
    assert sweep_executions() == 0
    assert driven(execution).fence == fence


def test_sending_its_dead_letter_again_has_it_driven_to_its_end(world, deadly):
    execution = world.begin(read("bad"))
    killed(execution, lost.MOST + 1)
    deadly.clear()
    dead_letters.send(delivery_id=letter().id, actor=factories.SETUP, now=clock.now())
    pump.deliver_all(streams=[f"execution:{execution.pk}"], now=clock.now())
    assert driven(execution).status == "completed"
    assert not deliveries.dead_letters().exists()
    assert "execution:taken_up" in [entry.kind for entry in entries.of_stream(f"execution:{execution.pk}")]


def test_one_that_goes_on_killing_is_given_up_again(world, deadly):
    execution = world.begin(read("bad"))
    killed(execution, lost.MOST + 1)
    dead_letters.send(delivery_id=letter().id, actor=factories.SETUP, now=clock.now())
    pump.deliver_all(streams=[f"execution:{execution.pk}"], now=clock.now())
    killed(execution, lost.MOST + 1)
    assert execution.given_up_at is not None
    assert deliveries.dead_letters().count() == 1


def test_workers_that_are_lost_at_different_places_count_for_nothing(world, deadly):
    names = [f"s{number}" for number in range(lost.MOST + 2)]
    execution = world.begin(*map(read, names))
    for name in names:
        deadly[:] = [name]
        killed(execution, 1)
        assert execution.given_up_at is None
    deadly.clear()
    driven(execution)
    assert (execution.status, execution.losses) == ("completed", 0)


def test_a_write_that_nobody_may_repeat_is_uncertain_after_the_first_loss(world, laboratory):
    execution = driven(world.begin({"id": "a", "action": "lab.blind", "with": {"what": "a"}}))
    laboratory.answers.append("dies after")
    world.decide()
    killed(execution, 1)
    assert driven(execution).status == "awaiting_input"
    assert (step(execution, "a").status, execution.losses, execution.given_up_at) == ("uncertain", 0, None)


@pytest.fixture
def drive_on(monkeypatch):
    """Have an execution driven when what it waits for has come, by workers each of which may die; return those that did."""

    def drive(execution, rounds=30):
        died = 0
        for _ in range(rounds):
            try:
                looked_again(execution, monkeypatch)
            except Died:
                died += 1
                later(execution)
        execution.refresh_from_db()
        return died

    return drive


def test_a_write_that_is_never_carried_out_and_kills_its_worker_every_time_is_given_up(world, laboratory, drive_on):
    execution = driven(world.begin({"id": "a", "action": "lab.looked", "with": {"what": "a"}}))
    world.decide()
    laboratory.answers.extend(["dies before"] * 30)
    assert drive_on(execution) == lost.MOST
    assert (execution.status, step(execution, "a").waiting_for) == ("awaiting_input", lost.WAITS_FOR)
    assert "lost 5 times in a row at a" in letter().error


def test_such_a_write_is_called_anew_when_its_dead_letter_is_sent(world, laboratory, drive_on):
    execution = driven(world.begin({"id": "a", "action": "lab.looked", "with": {"what": "a"}}))
    world.decide()
    laboratory.answers.extend(["dies before"] * lost.MOST)
    drive_on(execution)
    dead_letters.send(delivery_id=letter().id, actor=factories.SETUP, now=clock.now())
    pump.deliver_all(streams=[f"execution:{execution.pk}"], now=clock.now())
    drive_on(execution)
    assert (execution.status, laboratory.did("lab.looked", "a"), execution.losses) == ("completed", 1, 0)


def test_an_undo_that_kills_its_worker_every_time_is_given_up(world, laboratory, drive_on):
    back = {"action": "lab.unlooked", "with": {"what": "a"}}
    execution = driven(world.begin({"id": "a", "action": "lab.looked", "with": {"what": "a"}, "rollback": back}))
    world.decide()
    driven(execution)
    laboratory.answers.extend(["dies before"] * 30)
    executions.rollback(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    assert drive_on(execution) == lost.MOST
    assert "lost 5 times in a row at undo:a" in letter().error


def test_who_looks_at_it_meanwhile_does_not_begin_the_count_anew(world, laboratory, drive_on):
    execution = driven(world.begin({"id": "a", "action": "lab.looked", "with": {"what": "a"}}))
    world.decide()
    laboratory.answers.append("dies before")
    assert drive_on(execution, rounds=1) == 1
    driven(execution)
    before = execution.losses
    for _ in range(2):
        driven(execution)
    assert (before, execution.losses) == (1, 1)


def test_one_whose_lost_write_is_carried_out_at_last_has_lost_nobody(world, laboratory, drive_on):
    more = {"id": "b", "kind": "manual", "instructions": "x"}
    execution = driven(world.begin({"id": "a", "action": "lab.looked", "with": {"what": "a"}}, more))
    world.decide()
    laboratory.answers.extend(["dies before"] * 3)
    assert drive_on(execution) == 3
    assert (step(execution, "a").status, execution.status, execution.losses) == ("completed", "awaiting_input", 0)


def test_one_that_was_lost_twice_waits_apart_from_what_was_lost_with_it(world, deadly):
    execution = world.begin(read("bad"))
    killed(execution, 2)
    now = clock.now()
    assert driven(execution).lease_owner == ""
    assert now <= execution.wake_at <= now + dt.timedelta(seconds=31)


def test_programs_are_told_that_it_was_given_up_and_what_to_do(world, deadly):
    given_up = world.begin(read("bad"))
    killed(given_up, lost.MOST + 1)
    other = again(given_up)
    headers = {"Authorization": f"Token {factories.token(world.analyst)}"}
    told = Client().get(f"/api/v1/executions/{given_up.pk}", headers=headers).json()
    assert (told["given_up_at"], told["hint"]) == (clock.iso(given_up.given_up_at), shapes.WAY_OUT)
    untold = Client().get(f"/api/v1/executions/{other.pk}", headers=headers).json()
    assert (untold["given_up_at"], untold["hint"]) == (None, "")


@pytest.mark.parametrize(("wanted", "found"), [("true", ["bad"]), ("false", ["good"]), ("", ["good", "bad"])])
def test_programs_find_those_that_were_given_up(world, deadly, wanted, found):
    bad = world.begin(read("bad"))
    killed(bad, lost.MOST + 1)
    made = {"bad": bad, "good": again(bad)}
    headers = {"Authorization": f"Token {factories.token(world.analyst)}"}
    rows = Client().get(f"/api/v1/executions?given_up={wanted}", headers=headers).json()["results"]
    assert [row["id"] for row in rows] == [str(made[name].pk) for name in found]
    assert [bool(row["given_up_at"]) for row in rows] == [name == "bad" for name in found]


def test_what_is_asked_of_one_that_is_given_up_is_refused_with_the_way_out(world, deadly):
    execution = world.begin(read("bad"))
    killed(execution, lost.MOST + 1)
    with pytest.raises(executions.GivenUp, match="send its dead letter again, or abandon it"):
        executions.cancel(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())


def test_one_that_is_given_up_can_be_abandoned_and_says_what_nobody_knows(world, deadly):
    execution = driven(world.begin({"id": "a", "action": "lab.keyed", "with": {"what": "bad"}}))
    world.decide()
    killed(execution, lost.MOST + 1)
    closing.abandon(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    run = step(execution, "a")
    assert (run.status, run.error["outcome_unknown"]) == ("uncertain", True)
    assert driven(execution).status == "abandoned"


@pytest.mark.parametrize("service", [closing.abandon, closing.complete])
def test_the_dead_letter_of_one_that_a_person_ended_is_gone_and_the_journal_says_why(world, deadly, service):
    execution = world.begin(read("bad"))
    killed(execution, lost.MOST + 1)
    service(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    assert not deliveries.dead_letters().exists()
    told = entries.last_of(f"tenant:{world.tenant.pk}")
    assert (told.kind, told.data["reason"][:17]) == ("delivery:dropped", "the execution was")


def test_one_that_a_person_completed_begins_the_count_anew(world, laboratory, deadly):
    queued = {"id": "dump", "action": "lab.keyed", "with": {"what": "dump"}}
    execution = world.begin(queued, read("bad"), level="L2")
    killed(execution, lost.MOST + 1)
    closing.complete(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    world.decide()
    laboratory.answers.append("dies before")
    with pytest.raises(Died):
        driven(execution)
    later(execution)
    driven(execution)
    assert (execution.given_up_at, laboratory.did("lab.keyed", "dump")) == (None, 1)


def test_losses_before_the_first_step_do_not_count_at_it(world, deadly, monkeypatch):
    execution = world.begin(read("bad"))

    def dies(*_):
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(planning, "_answers", dies)
        killed(execution, 3)
    killed(execution, 2)
    driven(execution)
    assert execution.given_up_at is None
