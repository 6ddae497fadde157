"""A try that was not answered, and after which no other can be made, is left open for a person: nothing is sent meanwhile."""

import pytest

from approvals.choices import Verdict
from tests.playbooks_app.executions.people import DUMP, EACH, LATER, RETRY, begun, changed, due, gone, say
from tests.playbooks_app.executions.worlds import driven, step


@pytest.mark.parametrize("action", ["lab.keyed", "lab.both"])
def test_who_looks_again_sends_nothing_through_an_instance_that_is_disabled(world, laboratory, action):
    execution = begun(world, laboratory, "lost before", action=action, **LATER)
    gone()
    assert step(driven(due(execution)), "dump").status == "uncertain"
    say(world, execution, "dump", "look")
    assert len(laboratory.sent) == 1


def test_an_item_in_doubt_is_left_open_where_no_other_try_can_be_made(world, laboratory):
    execution = driven(world.begin({**EACH, **RETRY, "on_error": "skip"}))
    world.decide()
    laboratory.answers.append("lost after")
    laboratory.meanwhile.append(gone)
    driven(execution)
    assert (driven(execution).status, step(execution, "e[0]").status) == ("awaiting_input", "uncertain")


def test_an_item_in_doubt_is_left_open_where_the_rest_is_rejected(world, laboratory):
    execution = driven(world.begin({**EACH, **RETRY}))
    world.decide()
    laboratory.answers.append("lost after")
    laboratory.meanwhile.append(changed)
    driven(execution)
    driven(execution)
    world.decide(Verdict.REJECT)
    assert (driven(execution).status, step(execution, "e[0]").status) == ("awaiting_input", "uncertain")


def test_an_uncertain_item_holds_the_end_as_an_uncertain_step_does(world, laboratory):
    undo = {"action": "lab.unkeyed", "with": {"what": "{{ item }}"}}
    execution = driven(world.begin({**EACH, "rollback": undo}, rollback={"on": ["failure"]}))
    world.decide()
    laboratory.answers.extend(["lost after", "refused"])
    assert (driven(execution).status, step(execution, "e[0]").status) == ("awaiting_input", "uncertain")


def test_what_was_queued_and_is_in_doubt_is_left_open(world, laboratory):
    execution = begun(world, laboratory, "lost after", level="L2", **LATER)
    gone()
    driven(due(execution))
    assert step(execution, "dump").status == "uncertain"


def test_a_click_whose_adapter_is_gone_does_not_break_the_worker(world, laboratory):
    execution = driven(world.begin(DUMP, level="L2"))
    world.decide()
    gone()
    driven(execution)
