"""A vendor that carries a write out long after it was asked: what is looked for meanwhile is not there yet, and is not sent again."""

import datetime as dt

import pytest
import time_machine

from adapters.models import Call
from core import clock, uptime
from playbooks_app.models import Execution
from playbooks_app.services import executions, uncertain
from tests.playbooks_app.executions.laboratory import Died, Sent
from tests.playbooks_app.executions.worlds import LONGEST, driven, later, looked_again, step

HOURS = dt.timedelta(hours=2)
UNDO = {"action": "lab.unlooked", "with": {"what": "a"}}
WRITE = {"id": "a", "action": "lab.looked", "with": {"what": "a"}, "rollback": UNDO}


@pytest.fixture
def approved(world, laboratory):
    """An execution whose write a worker is about to send."""
    execution = driven(world.begin(WRITE))
    world.decide()
    return execution


@pytest.fixture
def unfinished(approved, laboratory):
    """One whose worker died while the vendor was at work, which another has taken over and looked for in vain."""
    laboratory.answers.append("dies before")
    with pytest.raises(Died):
        driven(approved)
    later(approved)
    return driven(approved)


def finish(laboratory, action="lab.looked"):
    """Let the vendor have done what it was asked for."""
    laboratory.sent.append(Sent(action, "a", "", True))


def test_a_write_that_is_under_way_when_its_execution_is_taken_over_is_sent_once(approved, laboratory, monkeypatch):
    laboratory.answers.append("late")
    laboratory.meanwhile.append(lambda: (later(approved), driven(approved)))
    assert driven(approved).status == "waiting"
    assert looked_again(approved, monkeypatch).status == "completed"
    assert [sent.action for sent in laboratory.sent] == ["lab.looked"]


def test_a_write_that_is_not_there_when_its_time_is_over_is_sent_again(unfinished, laboratory, monkeypatch):
    assert (unfinished.status, laboratory.sent) == ("waiting", [])
    assert looked_again(unfinished, monkeypatch).status == "completed"
    assert laboratory.did("lab.looked", "a") == 1


def test_it_says_what_it_waits_for(unfinished):
    assert "may still be under way" in step(unfinished, "a").waiting_for


def test_it_waits_for_the_time_of_its_call_and_not_for_that_of_a_clock(unfinished, laboratory):
    with time_machine.travel(clock.now() + HOURS):
        assert driven(unfinished).status == "waiting"
    assert laboratory.sent == []


def test_a_clock_that_is_set_back_does_not_make_it_wait_for_longer(unfinished, laboratory, monkeypatch):
    real = uptime.seconds
    monkeypatch.setattr(uptime, "seconds", lambda: real() + LONGEST)
    with time_machine.travel(clock.now() - HOURS):
        assert driven(unfinished).status == "completed"


def test_each_machine_counts_for_itself(unfinished, laboratory, monkeypatch):
    monkeypatch.setattr(uptime, "machine", lambda: "another")
    unfinished.steps.update(retry_at=clock.now())
    assert driven(unfinished).status == "waiting"
    assert looked_again(unfinished, monkeypatch).status == "completed"


def test_a_second_worker_that_dies_waiting_costs_no_more_time(unfinished, laboratory, monkeypatch):
    before = step(unfinished, "a").error["since"]
    unfinished.steps.update(retry_at=clock.now())
    assert step(driven(unfinished), "a").error["since"] == before


def test_the_next_worker_that_dies_has_its_own_write_waited_for(unfinished, laboratory, monkeypatch):
    laboratory.answers.append("dies before")
    with pytest.raises(Died):
        looked_again(unfinished, monkeypatch)
    later(unfinished)
    # Two workers were lost here: the next one waits apart first.
    driven(unfinished)
    assert driven(unfinished).status == "waiting"
    assert laboratory.sent == []


def test_a_cancel_waits_for_what_came_of_it(unfinished, laboratory, world, monkeypatch):
    executions.cancel(execution_id=unfinished.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    assert driven(unfinished).status == "waiting"
    finish(laboratory)
    assert looked_again(unfinished, monkeypatch).status == "cancelled"
    assert step(unfinished, "a").status == "completed"


def test_an_undo_that_is_under_way_is_not_sent_again_either(approved, laboratory, world, monkeypatch):
    driven(approved)
    executions.rollback(execution_id=approved.pk, reason="x", actor=world.analyst.actor(), now=clock.now())
    laboratory.answers.append("dies before")
    with pytest.raises(Died):
        driven(approved)
    later(approved)
    assert driven(approved).status == "rolling_back"
    finish(laboratory, "lab.unlooked")
    assert looked_again(approved, monkeypatch).status == "rolled_back"
    assert laboratory.did("lab.unlooked", "a") == 1


def ask(world, execution, what):
    what(execution_id=execution.pk, reason="x", actor=world.analyst.actor(), now=clock.now())


def test_after_a_cancel_one_that_is_not_there_is_not_sent(unfinished, laboratory, world, monkeypatch):
    ask(world, unfinished, executions.cancel)
    assert looked_again(unfinished, monkeypatch).status == "cancelled"
    assert (step(unfinished, "a").status, laboratory.sent) == ("cancelled", [])


def test_under_a_pause_one_that_is_not_there_is_sent_with_its_end(unfinished, laboratory, world, monkeypatch):
    ask(world, unfinished, executions.pause)
    assert looked_again(unfinished, monkeypatch).status == "paused"
    assert laboratory.sent == []
    ask(world, unfinished, executions.resume)
    assert driven(unfinished).status == "completed"
    assert laboratory.did("lab.looked", "a") == 1


@pytest.mark.parametrize(("ends", "status"), [("rollback", "rolled_back"), ("fails", "failed")])
def test_after_what_ends_its_execution_one_that_is_not_there_is_not_sent(world, laboratory, monkeypatch, ends, status):
    other = {"id": "b", "action": "lab.keyed", "with": {"what": "b"}, "rollback": {"action": "lab.unkeyed", "with": {"what": "b"}}}
    execution = driven(world.begin({**WRITE, "needs": ["b"]}, {**other, "needs": []}))
    world.decide()
    execution = driven(execution)
    world.decide()
    laboratory.answers.append("dies before")
    with pytest.raises(Died):
        driven(execution)
    later(execution)
    assert driven(execution).status == "waiting"
    if ends == "rollback":
        ask(world, execution, executions.rollback)
    else:
        Execution.objects.update(deadline=clock.now())
    assert looked_again(execution, monkeypatch).status == status
    assert (step(execution, "a").status, laboratory.did("lab.looked", "a")) == ("cancelled", 0)


def test_after_a_cancel_a_write_that_is_safe_to_repeat_is_repeated_to_learn_what_there_is_to_undo(world, laboratory):
    execution = driven(world.begin({"id": "a", "action": "lab.keyed", "with": {"what": "a"}}))
    world.decide()
    laboratory.answers.append("dies after")
    with pytest.raises(Died):
        driven(execution)
    later(execution)
    ask(world, execution, executions.cancel)
    assert driven(execution).status == "cancelled"
    assert (step(execution, "a").status, laboratory.did("lab.keyed", "a")) == ("completed", 1)


def test_what_was_sent_in_vain_is_concluded_and_what_is_sent_again_has_a_call_of_its_own(unfinished, monkeypatch):
    looked_again(unfinished, monkeypatch)
    assert list(Call.objects.order_by("id").values_list("attempt", "status")) == [(1, "failed"), (2, "succeeded")]


def test_one_that_was_queued_is_sent_again(world, laboratory, monkeypatch):
    execution = driven(world.begin(WRITE, level="L2"))
    world.decide()
    laboratory.answers.append("dies before")
    with pytest.raises(Died):
        driven(execution)
    later(execution)
    driven(execution)
    assert looked_again(execution, monkeypatch).status == "completed"
    assert (step(execution, "a").status, laboratory.did("lab.looked", "a")) == ("completed", 1)


@pytest.mark.parametrize("of", ["step", "undo"])
def test_one_of_which_nobody_could_tell_is_sent_again_when_a_person_looks_and_it_is_not_there(approved, laboratory, world, monkeypatch, of):
    what, named = "lab.looked", "a"
    if of == "undo":
        driven(approved)
        ask(world, approved, executions.rollback)
        what, named = "lab.unlooked", "undo:a"
    laboratory.answers.append("dies before")
    with pytest.raises(Died):
        driven(approved)
    later(approved)
    laboratory.looks_fail = True
    driven(approved)
    laboratory.looks_fail = False
    given = {"said": "look", "reason": "", "actor": world.analyst.actor(), "now": clock.now()}
    uncertain.answer(execution_id=approved.pk, step_id=named, **given)
    driven(approved)
    assert laboratory.did(what, "a") == 0
    looked_again(approved, monkeypatch)
    assert (step(approved, named).status, laboratory.did(what, "a")) == ("completed", 1)


def test_a_machine_that_was_set_back_to_an_earlier_moment_counts_anew(unfinished, laboratory, monkeypatch):
    since = step(unfinished, "a").error["since"][uptime.machine()]
    monkeypatch.setattr(uptime, "seconds", lambda: since - 1000)
    unfinished.steps.update(retry_at=clock.now())
    assert driven(unfinished).status == "waiting"
    assert step(unfinished, "a").error["pause"] == LONGEST
    assert looked_again(unfinished, monkeypatch).status == "completed"
