"""What the engine does not do yet, above all when it undoes what executions below, or some of several items, did.

Each of these fails today; whoever mends one takes it to the tests of what is mended.
"""

import time

import pytest

from core.errors import Conflict
from playbooks_app.services import closing, executions, lost
from tests.playbooks_app.executions.laboratory import Died
from tests.playbooks_app.executions.people import EACH, LAST, SUB, ask, below, blind, click, consents, killed, say, undo, write
from tests.playbooks_app.executions.worlds import driven, step

pytestmark = pytest.mark.xfail(strict=True, raises=(AssertionError, executions.NothingToUndo, executions.NotWaiting, executions.HasEnded, Conflict), reason="not done yet")


ITEMS = {**EACH, "rollback": undo("{{ item }}")}


def settle(*rows):
    for _ in range(6):
        for row in rows:
            driven(row)


@pytest.fixture
def family(world, laboratory):
    """Start an execution, driven once, that may run the playbook `child`."""

    def begin(inner, *above, **more):
        world.publish(*inner, inputs={"n": {"required": False}})
        return driven(world.begin(*above, **more))

    return begin


@pytest.fixture
def both(world, family):
    """An execution that wrote `w` and then ran one that wrote `a`, and that one; both are at their end."""
    parent = family([write("a")], write("w"), {**SUB, "needs": ["w"]})
    world.decide()
    driven(parent)
    child = driven(below(parent))
    world.decide()
    settle(child, parent)
    assert (parent.status, child.status) == ("completed", "completed")
    return parent, child


@pytest.fixture
def under_way(world, family):
    """An execution that wrote `w`, and one below that wrote `a` and waits for a person."""
    parent = family([write("a"), LAST], write("w"), {**SUB, "needs": ["w"]})
    world.decide()
    driven(parent)
    child = driven(below(parent))
    world.decide()
    return parent, driven(child)


def test_the_one_above_is_not_rolled_back_before_the_one_below(world, both):
    parent, child = both
    ask(world, parent, executions.rollback)
    driven(parent)
    assert (parent.status, step(parent, "sub").status) == ("rolling_back", "completed")
    settle(child, parent)
    assert (parent.status, step(parent, "sub").status, child.status) == ("rolled_back", "rolled_back", "rolled_back")


def test_what_was_done_below_is_undone_in_its_turn(world, laboratory, both):
    parent, child = both
    ask(world, parent, executions.rollback)
    settle(parent, child)
    assert [one.what for one in laboratory.sent if one.action == "lab.unkeyed"] == ["a", "w"]


def test_an_undo_that_failed_below_is_told_above(world, laboratory, both):
    parent, child = both
    ask(world, parent, executions.rollback)
    laboratory.answers.append("refused")
    settle(child, parent)
    laboratory.answers.clear()
    settle(child, parent)
    assert step(child, "undo:a").status == "failed"
    assert (parent.result["undone"]["undo:sub"], step(parent, "sub").status) == ("failed", "completed")


def test_what_one_below_did_that_failed_is_undone(world, laboratory, family):
    parent = family([write("a"), write("b")], write("w"), SUB, rollback={"on": ["failure"]})
    world.decide()
    driven(parent)
    child = driven(below(parent))
    world.decide()
    driven(child)
    laboratory.answers.append("refused")
    world.decide()
    settle(child, parent)
    assert (parent.status, laboratory.did("lab.unkeyed", "a")) == ("rolled_back", 1)


def test_a_rollback_undoes_what_one_below_did_that_is_under_way(world, laboratory, under_way):
    parent, child = under_way
    ask(world, parent, executions.rollback)
    settle(parent, child)
    assert (parent.status, child.status, laboratory.did("lab.unkeyed", "a")) == ("rolled_back", "rolled_back", 1)


def test_a_rollback_undoes_what_one_below_did_that_was_abandoned(world, laboratory, under_way):
    parent, child = under_way
    ask(world, parent, closing.abandon)
    ask(world, parent, executions.rollback)
    settle(parent, child)
    assert (parent.status, laboratory.did("lab.unkeyed", "a")) == ("rolled_back", 1)


def test_what_was_done_only_below_can_be_rolled_back(world, laboratory, family):
    parent = family([write("a")], SUB)
    child = driven(below(parent))
    world.decide()
    settle(child, parent)
    ask(world, parent, executions.rollback)
    settle(parent, child)
    assert (parent.status, laboratory.did("lab.unkeyed", "a")) == ("rolled_back", 1)


def test_items_that_were_done_of_a_step_that_failed_can_be_undone(world, laboratory):
    execution = driven(world.begin(ITEMS))
    world.decide()
    laboratory.answers.extend(["ok", "refused"])
    assert driven(execution).status == "failed"
    ask(world, execution, executions.rollback)
    assert (driven(execution).status, laboratory.did("lab.unkeyed", "x")) == ("rolled_back", 1)


def test_items_that_were_clicked_and_done_can_be_undone_though_another_failed(world, laboratory):
    execution = driven(world.begin(ITEMS, level="L2"))
    click(world, execution, "e")
    laboratory.answers.extend(["ok", "refused"])
    driven(execution)
    ask(world, execution, executions.rollback)
    assert (driven(execution).status, laboratory.did("lab.unkeyed", "x")) == ("rolled_back", 1)


def test_items_that_were_done_before_a_cancel_can_be_undone(world, laboratory):
    execution = driven(world.begin(ITEMS))
    world.decide()
    laboratory.meanwhile.append(lambda: ask(world, execution, executions.cancel))
    assert driven(execution).status == "cancelled"
    ask(world, execution, executions.rollback)
    assert (driven(execution).status, laboratory.did("lab.unkeyed", "x")) == ("rolled_back", 1)


def test_a_step_and_its_consent_say_that_all_of_its_items_were_undone(world, laboratory):
    execution = driven(world.begin(ITEMS))
    world.decide()
    driven(execution)
    ask(world, execution, executions.rollback)
    driven(execution)
    assert (step(execution, "e").status, consents()) == ("rolled_back", [("executed", "undone")])


def test_a_rollback_waits_for_what_is_in_doubt(world, laboratory):
    execution = driven(world.begin(write("a"), blind("b")))
    world.decide()
    driven(execution)
    world.decide()
    laboratory.answers.append("lost after")
    driven(execution)
    ask(world, execution, executions.rollback)
    driven(execution)
    assert step(execution, "b").status == "uncertain"
    say(world, execution, "b", "happened")
    assert (execution.status, laboratory.did("lab.unkeyed", "b")) == ("rolled_back", 1)


def test_a_rollback_waits_for_a_click_in_doubt(world, laboratory):
    execution = driven(world.begin(write("a"), blind("b"), level="L2"))
    click(world, execution, "a")
    driven(execution)
    click(world, execution, "b")
    laboratory.answers.append("lost after")
    driven(execution)
    ask(world, execution, executions.rollback)
    driven(execution)
    say(world, execution, "b", "happened")
    assert (driven(execution).status, laboratory.did("lab.unkeyed", "b")) == ("rolled_back", 1)


def test_an_undo_that_failed_for_a_moment_is_made_in_the_end(world, laboratory):
    execution = driven(world.begin(write("a", retry={"attempts": 3, "backoff": "1ms"}), LAST))
    world.decide()
    driven(execution)
    ask(world, execution, executions.rollback)
    laboratory.answers.append("down")
    driven(execution)
    if execution.status == "rolled_back":
        ask(world, execution, executions.rollback)
    time.sleep(0.05)
    driven(execution)
    assert laboratory.did("lab.unkeyed", "a") == 1


def test_what_may_have_happened_before_a_cancel_can_be_told_and_undone_after_it(world, laboratory):
    execution = driven(world.begin(blind("a")))
    world.decide()
    laboratory.answers.append("lost after")
    driven(execution)
    ask(world, execution, executions.cancel)
    assert driven(execution).status == "cancelled"
    say(world, execution, "a", "happened")
    ask(world, execution, executions.rollback)
    driven(execution)
    assert laboratory.did("lab.unkeyed", "a") == 1


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
