"""A pause holds the executions below too, and lets those go on that were paused with it."""

import datetime as dt

import pytest
import time_machine

from audit.selectors import entries
from core import clock
from playbooks_app.engine import model
from playbooks_app.models import Execution
from playbooks_app.services import children, closing, executions, runner
from tests.playbooks_app.executions.people import LAST, SUB, ask, below, click, write
from tests.playbooks_app.executions.worlds import driven

HOUR = dt.timedelta(hours=1)


def settle(*rows):
    for _ in range(4):
        for row in rows:
            driven(row)


@pytest.fixture
def family(world, laboratory):
    """Start an execution that runs the playbook `child` of these steps, both driven once; return them."""

    def begin(*inner, **more):
        world.publish(*inner, **more)
        parent = driven(world.begin(SUB, level=more.get("level", "L1")))
        return parent, driven(below(parent))

    return begin


def test_a_pause_holds_those_below_and_they_go_on_with_it(world, laboratory, family):
    parent, child = family(write("a"))
    ask(world, parent, executions.pause)
    settle(parent, child)
    world.decide()
    settle(parent, child)
    assert (child.status, laboratory.sent) == ("paused", [])
    ask(world, parent, executions.resume)
    settle(parent, child)
    assert (child.status, parent.status) == ("completed", "completed")


def test_a_pause_holds_those_at_any_depth(world, laboratory, family):
    world.publish(write("a"), slug="grand")
    parent, child = family({**SUB, "playbook": "grand"})
    grand = driven(below(child))
    ask(world, parent, executions.pause)
    world.decide()
    settle(grand, child, parent)
    assert ([parent.status, child.status, grand.status], laboratory.sent) == (["paused"] * 3, [])
    ask(world, parent, executions.resume)
    settle(grand, child, parent)
    assert [parent.status, child.status, grand.status] == ["completed"] * 3


@pytest.mark.parametrize("order", ["alone first", "above first"])
def test_one_that_somebody_paused_by_itself_stays_paused(world, family, order):
    world.publish(LAST, slug="grand")
    parent, child = family({**SUB, "playbook": "grand"})
    grand = driven(below(child))
    for row in (child, parent) if order == "alone first" else (parent, child):
        ask(world, row, executions.pause)
    ask(world, parent, executions.resume)
    settle(grand, child, parent)
    assert [parent.status, child.status, grand.status] == ["waiting", "paused", "paused"]
    ask(world, child, executions.resume)
    settle(grand, child)
    assert [child.status, grand.status] == ["waiting", "awaiting_input"]


@pytest.mark.parametrize("alone", [False, True])
def test_one_below_is_not_resumed_while_the_one_above_is_paused(world, family, alone):
    parent, child = family(LAST)
    ask(world, parent, executions.pause)
    if alone:
        ask(world, child, executions.pause)
    with pytest.raises(executions.AboveIsPaused):
        ask(world, child, executions.resume)
    assert driven(child).status == "paused"


def test_one_that_is_started_while_a_pause_is_asked_for_is_not_begun(world, laboratory, monkeypatch):
    world.publish(LAST)
    parent = world.begin(SUB)
    meanwhile = [executions.pause]

    def start(drive, command):
        while meanwhile:
            ask(world, parent, meanwhile.pop())
        children.start(drive, command)

    monkeypatch.setitem(runner.HANDLERS, model.StartChild, start)
    assert (driven(parent).status, Execution.objects.count()) == ("paused", 1)


def test_the_time_of_one_below_stands_still_with_it(world, family):
    parent, child = family(LAST, timeout="20m")
    before, now = child.deadline, clock.now()
    executions.pause(execution_id=parent.pk, reason="x", actor=world.analyst.actor(), now=now)
    with time_machine.travel(now + HOUR, tick=False):
        assert driven(child).status == "paused"
    executions.resume(execution_id=parent.pk, reason="x", actor=world.analyst.actor(), now=now + HOUR)
    child.refresh_from_db()
    assert child.deadline - before == HOUR


def test_a_pause_holds_what_one_that_has_ended_below_has_queued(world, laboratory, family):
    parent, child = family(write("a"), level="L2")
    assert child.status == "completed"
    ask(world, parent, executions.pause)
    click(world, child, "a")
    settle(child, parent)
    assert laboratory.sent == []
    ask(world, parent, executions.resume)
    settle(child, parent)
    assert (laboratory.did("lab.keyed", "a"), parent.status) == (1, "completed")


def test_what_one_below_has_queued_can_be_run_when_the_one_above_was_completed_by_hand(world, laboratory, family):
    parent, child = family(write("a"), level="L2")
    ask(world, parent, executions.pause)
    ask(world, parent, closing.complete)
    click(world, child, "a")
    driven(child)
    assert laboratory.did("lab.keyed", "a") == 1


def test_an_undo_below_goes_on_under_a_pause(world, laboratory, family):
    parent, child = family(write("a"), LAST)
    world.decide()
    driven(child)
    ask(world, parent, executions.pause)
    ask(world, child, executions.rollback)
    assert (driven(child).status, laboratory.did("lab.unkeyed", "a")) == ("rolled_back", 1)


def test_whoever_paused_the_one_above_stands_in_the_journal_of_those_below(world, family):
    parent, child = family(LAST)
    ask(world, parent, executions.pause)
    ask(world, parent, executions.resume)
    told = [(entry.kind, entry.data["reason"]) for entry in entries.of_stream(f"execution:{child.pk}") if "reason" in entry.data]
    assert told == [("execution:pause", "the execution above was paused"), ("execution:resume", "the execution above was resumed")]
