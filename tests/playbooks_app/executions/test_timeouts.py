"""Steps that people, or executions below, do not bring to their end in time."""

import datetime as dt

import pytest
import time_machine

from core import clock
from playbooks_app.models import Execution
from playbooks_app.services import executions
from playbooks_app.tasks import sweep_executions
from tests.playbooks_app.executions.people import LAST, SUB, ask, below, write
from tests.playbooks_app.executions.worlds import READ, driven, step

MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
QUESTION = {"id": "tell", "kind": "decision", "question": "x?", "branches": {"yes": [], "no": []}}


@pytest.fixture
def passed():
    """Let the clock stand at so long after now."""
    travels = []

    def by(length):
        travel = time_machine.travel(clock.now() + length, tick=False)
        travels.append(travel)
        travel.start()

    yield by
    for travel in reversed(travels):
        travel.stop()


@pytest.fixture
def family(world, laboratory):
    """Start an execution that runs the playbook `child` of these steps for a minute at most, both driven once; return them."""

    def begin(*inner, **more):
        world.publish(*inner)
        parent = driven(world.begin({**SUB, "timeout": "1m", **more}))
        return parent, driven(below(parent))

    return begin


@pytest.mark.parametrize("one", [LAST, QUESTION])
def test_what_nobody_did_in_its_time_has_failed(world, passed, one):
    execution = driven(world.begin({**one, "timeout": "1m"}))
    passed(MINUTE)
    assert sweep_executions() == 1
    execution.refresh_from_db()
    assert (execution.status, step(execution, "tell").error["code"]) == ("failed", "timeout")


def test_what_has_failed_by_its_time_follows_its_rule_for_errors(world, passed):
    execution = driven(world.begin({**LAST, "timeout": "1m", "on_error": "skip"}, READ))
    passed(MINUTE)
    assert (driven(execution).status, step(execution, "tell").status) == ("completed", "skipped")


def test_what_has_its_time_is_looked_at_then_and_not_before(world, passed):
    execution = driven(world.begin({**LAST, "timeout": "1m"}))
    due = step(execution, "tell").started_at + MINUTE
    assert (execution.wake_at, sweep_executions()) == (due, 0)


def test_its_time_counts_anew_after_a_clock_was_set_back(world, passed):
    execution = driven(world.begin({**LAST, "timeout": "1h"}))
    passed(-3 * HOUR)
    assert driven(execution).wake_at == clock.now() + HOUR
    passed(HOUR)
    assert driven(execution).status == "failed"


def test_one_below_is_asked_to_end_and_its_step_fails_then(world, laboratory, family, passed):
    parent, child = family(LAST)
    passed(MINUTE)
    assert (driven(parent).status, step(parent, "sub").status, parent.wake_at) == ("waiting", "in_progress", None)
    assert (driven(child).status, driven(parent).status) == ("cancelled", "failed")
    error = {"code": "timeout", "message": "it was not over in its time: the execution of child cancelled"}
    assert step(parent, "sub").error == error


def test_a_step_is_not_over_while_a_call_below_it_is_under_way(world, laboratory, family, passed):
    parent, child = family(write("a"), LAST)
    seen = []

    def late():
        passed(MINUTE)
        driven(parent)
        seen.append((parent.status, step(parent, "sub").status))

    laboratory.meanwhile.append(late)
    world.decide()
    assert (driven(child).status, seen) == ("cancelled", [("waiting", "in_progress")])
    assert (driven(parent).status, step(child, "a").status) == ("failed", "completed")


def test_one_below_that_completed_late_and_before_it_was_asked_to_end_has_completed(world, laboratory, family, passed):
    parent, child = family(LAST)
    passed(MINUTE)
    executions.update_step(execution_id=child.pk, step_id="tell", status="completed", actor=world.analyst.actor(), now=clock.now())
    driven(child)
    assert (driven(parent).status, step(parent, "sub").error) == ("completed", None)


def test_each_of_several_below_has_its_own_time(world, laboratory, family, passed):
    world.publish(LAST)
    parent = driven(world.begin({**SUB, "timeout": "1m", "for_each": [1, 2], "max_parallel": 1, "on_error": "continue"}))
    passed(MINUTE)
    for _ in range(2):
        driven(parent)
        driven(Execution.objects.get(parent_step__step_id="sub[0]"))
    assert (step(driven(parent), "sub[0]").status, step(parent, "sub[1]").status) == ("failed", "in_progress")
    assert "cancel" not in Execution.objects.get(parent_step__step_id="sub[1]").control


@pytest.mark.parametrize("one", [{**LAST, "timeout": "1m"}, {"id": "tell", "kind": "wait", "duration": "1m"}])
def test_the_time_under_a_pause_does_not_count(world, passed, one):
    execution = driven(world.begin(one))
    ask(world, execution, executions.pause)
    driven(execution)
    passed(HOUR)
    ask(world, execution, executions.resume)
    assert driven(execution).status != "failed"
    assert MINUTE - dt.timedelta(seconds=5) < execution.wake_at - clock.now() <= MINUTE


def test_the_time_under_a_pause_does_not_count_for_those_below(world, laboratory, family, passed):
    parent, child = family({**LAST, "timeout": "1m"})
    ask(world, parent, executions.pause)
    passed(HOUR)
    ask(world, parent, executions.resume)
    assert (driven(parent).status, driven(child).status) == ("waiting", "awaiting_input")


def test_what_was_over_before_a_pause_stays_over(world, passed):
    execution = driven(world.begin({**LAST, "timeout": "1m"}))
    passed(MINUTE)
    ask(world, execution, executions.pause)
    driven(execution)
    passed(HOUR)
    ask(world, execution, executions.resume)
    assert driven(execution).status == "failed"
