"""What is in doubt is answered before anything is undone, and can be answered after the end."""

import pytest

from core import clock
from playbooks_app.services import closing, executions
from tests.playbooks_app.executions.people import EACH, LAST, SUB, ask, below, blind, click, consents, killed, say, undo, write
from tests.playbooks_app.executions.worlds import driven, looked_again, settle, step


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


@pytest.mark.parametrize("end", [executions.cancel, closing.abandon])
def test_what_did_not_happen_before_the_end_is_cancelled_and_not_begun_anew(world, laboratory, end):
    execution = driven(world.begin(blind("a")))
    world.decide()
    laboratory.answers.append("lost before")
    driven(execution)
    ask(world, execution, end)
    driven(execution)
    assert (step(execution, "a").status, consents()) == ("uncertain", [("executed", "uncertain")])
    say(world, execution, "a", "not_happened")
    assert (step(execution, "a").status, consents(), len(laboratory.sent)) == ("cancelled", [("executed", "failed")], 1)


def test_who_looks_again_after_the_end_sends_nothing(world, laboratory):
    execution = driven(world.begin(write("a")))
    world.decide()
    laboratory.answers.append("lost before")
    driven(execution)
    assert step(execution, "a").status == "uncertain"
    ask(world, execution, executions.cancel)
    driven(execution)
    say(world, execution, "a", "look")
    assert (step(execution, "a").status, execution.status, len(laboratory.sent)) == ("uncertain", "cancelled", 1)


def test_an_item_in_doubt_is_answered_after_the_end_and_its_consent_then_told(world, laboratory):
    each = {**EACH, "action": "lab.blind", "rollback": undo("{{ item }}")}
    execution = driven(world.begin(each))
    world.decide()
    laboratory.answers.extend(["ok", "lost after"])
    driven(execution)
    ask(world, execution, executions.cancel)
    driven(execution)
    say(world, execution, "e[1]", "happened")
    assert consents() == [("executed", "executed")]
    ask(world, execution, executions.rollback)
    driven(execution)
    assert (execution.status, consents()) == ("rolled_back", [("executed", "undone")])
    assert [one.what for one in laboratory.sent if one.action == "lab.unkeyed"] == ["y", "x"]


def test_a_doubt_that_nothing_could_undo_holds_no_rollback_up(world, laboratory):
    execution = driven(world.begin(write("a"), {"id": "b", "action": "lab.blind", "with": {"what": "b"}}))
    for answer in ("ok", "lost after"):
        world.decide()
        laboratory.answers.append(answer)
        driven(execution)
    ask(world, execution, executions.rollback)
    assert (driven(execution).status, step(execution, "b").status) == ("rolled_back", "uncertain")
    say(world, execution, "b", "happened")
    assert (execution.status, step(execution, "b").status) == ("rolled_back", "completed")


def test_nothing_below_is_begun_while_a_halt_waits_for_an_answer(world, laboratory, family):
    by_hand = {**LAST, "needs": []}
    bad = {"id": "bad", "action": "lab.status", "with": {"what": "{{ alert.none }}"}, "needs": ["tell"]}
    parent = family([write("c")], blind("a", needs=[]), {**SUB, "needs": []}, by_hand, bad)
    child = driven(below(parent))
    click(world, parent, "a")
    laboratory.answers.append("lost after")
    driven(parent)
    executions.update_step(execution_id=parent.pk, step_id="tell", status="completed", actor=world.analyst.actor(), now=clock.now())
    driven(parent)
    assert (step(parent, "a").status, step(parent, "bad").status, parent.status) == ("uncertain", "failed", "awaiting_input")
    world.decide()
    settle(child)
    assert [one.what for one in laboratory.sent] == ["a"]


@pytest.mark.parametrize("said", ["happened", "look"])
def test_a_click_in_doubt_that_waited_for_its_next_try_is_undone_on_cancel(world, laboratory, said):
    a = write("a", action="lab.both", rollback=undo("a"), retry={"attempts": 2, "backoff": "1h"})
    execution = driven(world.begin(a, LAST, level="L2", rollback={"on": ["cancel"]}))
    click(world, execution, "a")
    laboratory.answers.append("lost after")
    driven(execution)
    ask(world, execution, executions.cancel)
    driven(execution)
    assert (execution.status, step(execution, "a").status) == ("rolling_back", "uncertain")
    say(world, execution, "a", said)
    assert (execution.status, laboratory.did("lab.unkeyed", "a"), len(laboratory.sent)) == ("rolled_back", 1, 2)


def test_an_undo_in_doubt_can_be_looked_for_after_it_was_abandoned(world, laboratory):
    execution = driven(world.begin(write("a")))
    world.decide()
    driven(execution)
    ask(world, execution, executions.rollback)
    laboratory.answers.append("lost before")
    driven(execution)
    ask(world, execution, closing.abandon)
    say(world, execution, "undo:a", "look")
    assert (execution.status, step(execution, "undo:a").status, len(laboratory.sent)) == ("abandoned", "uncertain", 2)


def test_who_has_a_click_looked_for_while_it_is_rolled_back_sends_nothing(world, laboratory):
    execution = driven(world.begin(write("a"), level="L2"))
    click(world, execution, "a")
    laboratory.answers.append("lost before")
    driven(execution)
    ask(world, execution, executions.rollback)
    driven(execution)
    say(world, execution, "a", "look")
    assert (execution.status, step(execution, "a").status, len(laboratory.sent)) == ("rolling_back", "uncertain", 1)


def test_a_click_in_doubt_that_did_not_happen_before_a_cancel_has_failed(world, laboratory):
    execution = driven(world.begin(blind("a"), LAST, level="L2"))
    click(world, execution, "a")
    laboratory.answers.append("lost before")
    driven(execution)
    ask(world, execution, executions.cancel)
    driven(execution)
    say(world, execution, "a", "not_happened")
    assert (step(execution, "a").status, consents(), len(laboratory.sent)) == ("simulated", [("executed", "failed")], 1)


def test_a_click_that_its_worker_did_not_come_to_is_not_sent_after_a_rollback_was_asked_for(world, laboratory, monkeypatch):
    execution = driven(world.begin(write("a", action="lab.looked"), level="L2"))
    click(world, execution, "a")
    laboratory.answers.append("dies before")
    killed(execution, 1)
    ask(world, execution, executions.rollback)
    driven(execution)
    assert looked_again(execution, monkeypatch).status == "rolled_back"
    assert (step(execution, "a").status, consents(), laboratory.sent) == ("simulated", [("withdrawn", "")], [])
