"""What executions below did is undone in its turn, and the one above knows how that went."""

import pytest

from playbooks_app.models import Execution
from playbooks_app.selectors import below as selector
from playbooks_app.services import closing, executions
from tests.playbooks_app.executions.people import LAST, SUB, ask, below, blind, click, consents, say, write
from tests.playbooks_app.executions.worlds import READ, driven, settle, step

UNDO_INPUT = {"action": "lab.unkeyed", "with": {"what": "{{ inputs.n }}"}}


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


def test_what_was_done_farther_below_is_undone_too(world, laboratory, family):
    world.publish(write("z"), slug="lowest")
    parent = family([{**SUB, "playbook": "lowest"}], write("w"), {**SUB, "needs": ["w"]})
    world.decide()
    driven(parent)
    child = driven(below(parent))
    lowest = driven(below(child))
    world.decide()
    settle(lowest, child, parent)
    assert parent.status == "completed"
    ask(world, parent, executions.rollback)
    settle(parent, child, lowest)
    assert [one.what for one in laboratory.sent if one.action == "lab.unkeyed"] == ["z", "w"]
    assert [row.status for row in (lowest, child, parent)] == ["rolled_back"] * 3


def test_each_of_several_below_is_undone_last_first(world, laboratory, family):
    each = {**SUB, "for_each": ["x", "y"], "with": {"n": "{{ item }}"}, "max_parallel": 1}
    parent = family([write("a", **{"with": {"what": "{{ inputs.n }}"}, "rollback": UNDO_INPUT})], each)
    for number in range(2):
        child = driven(parent.steps.get(step_id=f"sub[{number}]").children.get())
        world.decide()
        settle(child, parent)
    assert parent.status == "completed"
    ask(world, parent, executions.rollback)
    settle(parent, *Execution.objects.filter(depth=1))
    assert [one.what for one in laboratory.sent if one.action == "lab.unkeyed"] == ["y", "x"]
    assert (parent.status, step(parent, "sub").status) == ("rolled_back", "rolled_back")


def test_one_below_that_was_rolled_back_by_itself_is_not_asked_again(world, laboratory, both):
    parent, child = both
    ask(world, child, executions.rollback)
    driven(child)
    ask(world, parent, executions.rollback)
    assert driven(parent).status == "rolled_back"
    assert [one.what for one in laboratory.sent if one.action == "lab.unkeyed"] == ["a", "w"]


def test_one_below_that_only_read_has_nothing_to_undo(world, family):
    parent = family([READ], SUB)
    settle(below(parent), parent)
    assert parent.status == "completed"
    with pytest.raises(executions.NothingToUndo):
        ask(world, parent, executions.rollback)


def test_one_below_that_nobody_has_begun_is_rolled_back_too(world, laboratory, family):
    parent = family([write("a")], write("w"), {**SUB, "needs": []})
    world.decide()
    driven(parent)
    ask(world, parent, executions.rollback)
    child = below(parent)
    settle(parent, child)
    assert (parent.status, child.status, step(parent, "sub").status) == ("rolled_back", "rolled_back", "cancelled")
    assert {one.what for one in laboratory.sent} == {"w"}


def test_an_undo_below_that_was_abandoned_is_told_above_which_goes_on(world, laboratory, both):
    parent, child = both
    ask(world, parent, executions.rollback)
    driven(parent)
    laboratory.answers.append("lost before")
    assert (driven(child).status, driven(parent).status) == ("rolling_back", "rolling_back")
    ask(world, child, closing.abandon)
    assert (driven(parent).status, parent.result["undone"]["undo:sub"]) == ("rolled_back", "failed")
    assert step(parent, "undo:sub").error["message"] == "the execution of child could not do undo:a"
    assert (driven(child).status, laboratory.did("lab.unkeyed", "a"), laboratory.did("lab.unkeyed", "w")) == ("abandoned", 0, 1)


def test_what_one_below_did_that_still_runs_is_undone_where_the_one_above_wrote_nothing(world, laboratory, family):
    parent = family([write("a"), LAST], SUB, rollback={"on": ["cancel"]})
    child = driven(below(parent))
    world.decide()
    driven(child)
    ask(world, parent, executions.cancel)
    settle(parent, child)
    assert (parent.status, child.status, laboratory.did("lab.unkeyed", "a")) == ("rolled_back", "rolled_back", 1)


def test_what_one_below_had_queued_is_withdrawn_and_not_run_after_it_was_rolled_back(world, laboratory):
    world.publish(write("a"), write("b"), level="L2")
    parent = driven(world.begin(SUB, level="L2"))
    child = driven(below(parent))
    click(world, child, "a")
    settle(child, parent)
    assert (parent.status, child.status) == ("completed", "completed")
    ask(world, parent, executions.rollback)
    settle(parent, child)
    assert (parent.status, child.status, consents()) == ("rolled_back", "rolled_back", [("executed", "undone"), ("withdrawn", "")])


def in_doubt(world, laboratory, inner, begun):
    """Have the write of an execution below be in doubt."""
    laboratory.answers.append("lost after")
    world.decide()
    assert step(driven(inner), begun).status == "uncertain"
    return inner


def test_one_below_that_was_completed_by_hand_is_not_waited_for(world, laboratory, family):
    parent = family([blind("a"), LAST], write("w"), {**SUB, "needs": ["w"]})
    world.decide()
    driven(parent)
    child = in_doubt(world, laboratory, driven(below(parent)), "a")
    ask(world, parent, executions.rollback)
    settle(parent, child)
    assert (parent.status, child.status) == ("rolling_back", "awaiting_input")
    ask(world, child, closing.complete)
    assert (driven(parent).status, parent.result["undone"]["undo:sub"]) == ("rolled_back", "failed")
    say(world, child, "a", "happened")
    assert (child.status, laboratory.did("lab.unkeyed", "a")) == ("completed", 0)


@pytest.mark.parametrize("begun", [False, True])
def test_nothing_more_is_undone_below_one_that_was_abandoned_over_it(world, laboratory, both, begun):
    parent, child = both
    ask(world, parent, executions.rollback)
    driven(parent)
    if begun:
        laboratory.answers.append("lost before")
        assert step(driven(child), "undo:a").status == "uncertain"
    ask(world, parent, closing.abandon)
    settle(child, parent)
    if begun:
        say(world, child, "undo:a", "not_happened")
    assert (parent.status, child.status) == ("abandoned", "abandoned" if begun else "completed")
    assert laboratory.did("lab.unkeyed", "a") == 0


def test_one_that_is_rolled_back_by_itself_goes_on_with_those_below_it(world, laboratory, family):
    world.publish(blind("z"), LAST, slug="lowest")
    parent = family([write("c"), {**SUB, "playbook": "lowest", "needs": ["c"]}], SUB)
    child = driven(below(parent))
    world.decide()
    driven(child)
    lowest = in_doubt(world, laboratory, driven(below(child)), "z")
    ask(world, child, executions.rollback)
    settle(child, lowest)
    ask(world, parent, closing.abandon)
    say(world, lowest, "z", "happened")
    settle(child, parent)
    assert (parent.status, child.status, lowest.status) == ("abandoned", "rolled_back", "rolled_back")


def test_what_was_clicked_below_last_is_undone_first(world, laboratory):
    world.publish(write("a"), level="L2")
    parent = driven(world.begin(SUB, write("w", needs=["sub"]), level="L2"))
    child = driven(below(parent))
    settle(child, parent)
    click(world, parent, "w")
    driven(parent)
    click(world, child, "a")
    driven(child)
    ask(world, parent, executions.rollback)
    settle(parent, child)
    assert [one.what for one in laboratory.sent if one.action == "lab.unkeyed"] == ["a", "w"]


def test_what_was_done_below_is_looked_for_only_where_something_may_be_undone(world, laboratory, family, monkeypatch):
    looked, real = [], selector.to_undo
    monkeypatch.setattr(selector, "to_undo", lambda rows: looked.append(None) or real(rows))
    parent = family([write("a")], SUB, LAST, rollback={"on": ["failure", "cancel", "timeout"]})
    child = driven(below(parent))
    world.decide()
    settle(child, parent)
    assert (parent.status, looked) == ("awaiting_input", [])
    ask(world, parent, executions.cancel)
    settle(parent, child)
    assert (parent.status, laboratory.did("lab.unkeyed", "a"), bool(looked)) == ("rolled_back", 1, True)
