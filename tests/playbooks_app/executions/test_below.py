"""Executions that others have started: what comes of them, and of what they have queued, when the one above ends."""

import pytest

from audit.selectors import deliveries
from playbooks_app.models import Execution
from playbooks_app.services import closing, executions, lost
from tests.playbooks_app.executions.laboratory import Died
from tests.playbooks_app.executions.people import DUMP, EACH, LATER, MANUAL, ask, consents, killed
from tests.playbooks_app.executions.worlds import driven

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
