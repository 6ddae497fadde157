"""Executions that others have started: what comes of them, and of what they have queued, when the one above ends."""

import pytest

from audit.selectors import deliveries, entries
from core import clock
from playbooks_app.models import Execution
from playbooks_app.services import closing, executions, lost
from tests.playbooks_app.executions.laboratory import Died
from tests.playbooks_app.executions.people import (
    DUMP,
    EACH,
    LATER,
    MANUAL,
    SUB,
    ask,
    below,
    blind,
    click,
    consents,
    killed,
    say,
    write,
)
from tests.playbooks_app.executions.worlds import driven, step

READ = {"id": "r", "action": "lab.status", "with": {"what": "r"}}


@pytest.fixture
def family(world, laboratory):
    """An execution that runs another playbook, which was driven already; and that other one."""

    def begin(*steps, slug="child", level="L2"):
        world.publish(*steps, slug=slug, level=level)
        if slug != "child":
            return None
        sub = {"id": "sub", "kind": "playbook", "playbook": "child"}
        parent = driven(world.begin(sub, {**MANUAL, "needs": ["sub"]}, level=level))
        return parent, driven(Execution.objects.get(parent_step__execution=parent))

    return begin


def test_the_consent_of_a_try_in_doubt_below_is_uncertain_after_a_cancel(world, laboratory, family):
    parent, child = family({**DUMP, **LATER})
    driven(parent)
    world.decide()
    laboratory.answers.append("lost after")
    driven(child)
    ask(world, parent, executions.cancel)
    driven(parent)
    assert consents() == [("executed", "uncertain")]


def test_a_consent_under_which_an_item_is_under_way_is_not_withdrawn(world, laboratory, family):
    parent, child = family(EACH)
    driven(parent)
    world.decide()
    laboratory.meanwhile.append(lambda: (ask(world, parent, executions.cancel), driven(parent)))
    driven(child)
    assert ([sent.what for sent in laboratory.sent], consents()) == (["x"], [("executed", "executed")])


@pytest.fixture
def deadly(laboratory, monkeypatch):
    real = laboratory.take

    def take(action, about, key):
        if about == "r":
            raise Died
        return real(action, about, key)

    monkeypatch.setattr(laboratory, "take", take)


def test_what_is_below_one_that_has_ended_is_abandoned_too(world, family, deadly):
    family(READ, slug="grand")
    parent, child = family({"id": "sub", "kind": "playbook", "playbook": "grand"})
    grand = Execution.objects.get(parent_step__execution=child)
    killed(grand, lost.MOST + 1)
    ask(world, child, executions.cancel)
    assert driven(child).status == "cancelled"
    ask(world, parent, closing.abandon)
    grand.refresh_from_db()
    assert (grand.status, deliveries.dead_letters().count()) == ("abandoned", 0)


def test_one_below_that_rolls_back_is_not_asked_to_cancel(world, laboratory, family):
    undo = {"action": "lab.unkeyed", "with": {"what": "dump"}}
    parent, child = family({**DUMP, "rollback": undo}, {**MANUAL, "id": "m"}, level="L1")
    world.decide()
    driven(child)
    laboratory.answers.append("lost before")
    ask(world, child, executions.rollback)
    assert driven(child).status == "rolling_back"
    ask(world, parent, executions.cancel)
    driven(parent)
    child.refresh_from_db()
    assert "cancel" not in child.control


def test_nothing_below_is_begun_while_a_halt_waits_for_an_answer(world, laboratory):
    bad = {"id": "bad", "action": "lab.status", "with": {"what": "{{ alert.none }}"}, "needs": ["tell"]}
    world.publish(write("c"))
    parent = driven(world.begin(blind("a", needs=[]), {**SUB, "needs": []}, MANUAL, bad))
    child = driven(below(parent))
    click(world, parent, "a")
    laboratory.answers.append("lost after")
    driven(parent)
    executions.update_step(execution_id=parent.pk, step_id="tell", status="completed", actor=world.analyst.actor(), now=clock.now())
    driven(parent)
    assert (step(parent, "a").status, step(parent, "bad").status, parent.status) == ("uncertain", "failed", "awaiting_input")
    world.decide()
    assert (driven(child).status, [one.what for one in laboratory.sent]) == ("cancelled", ["a"])
    assert (say(world, parent, "a", "happened").status, step(parent, "sub").status) == ("failed", "cancelled")


def test_one_below_is_asked_to_cancel_once(world, family):
    parent, child = family(MANUAL)
    ask(world, parent, executions.cancel)
    driven(parent)
    told = [entry.kind for entry in entries.of_stream(f"execution:{child.pk}")]
    assert (driven(child).status, told.count("execution:cancel")) == ("cancelled", 1)
