"""What was done of several items is undone, whatever became of the others."""

from playbooks_app.services import executions
from tests.playbooks_app.executions.people import EACH, ask, click, consents, say, undo, write
from tests.playbooks_app.executions.worlds import driven, step

ITEMS = {**EACH, "rollback": undo("{{ item }}")}


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


def test_a_step_without_items_did_nothing_and_is_not_undone(world, laboratory):
    execution = driven(world.begin({**EACH, "for_each": [], "rollback": undo("e")}, write("w")))
    world.decide()
    driven(execution)
    ask(world, execution, executions.rollback)
    assert (driven(execution).status, execution.result["undone"]) == ("rolled_back", {"undo:w": "completed"})
    assert [one.what for one in laboratory.sent] == ["w", "w"]


def test_items_whose_click_was_in_doubt_are_gathered_before_they_are_undone(world, laboratory):
    execution = driven(world.begin({**ITEMS, "action": "lab.blind"}, level="L2"))
    click(world, execution, "e")
    laboratory.answers.extend(["lost after", "ok"])
    driven(execution)
    ask(world, execution, executions.rollback)
    driven(execution)
    say(world, execution, "e[0]", "happened")
    assert (execution.status, step(execution, "e").status, consents()) == ("rolled_back", "rolled_back", [("executed", "undone")])
