"""What the engine does not do yet.

Each of these fails today; whoever mends one takes it to the tests of what is mended.
"""

import datetime as dt

import pytest
import time_machine

from core import clock
from playbooks_app.services import executions
from tests.playbooks_app.executions.people import LAST, SUB, ask, below, write
from tests.playbooks_app.executions.worlds import driven, settle, step

pytestmark = pytest.mark.xfail(strict=True, raises=AssertionError, reason="not done yet")


def test_a_pause_holds_those_below_and_they_go_on_with_it(world, laboratory, family):
    parent = family([write("a")], SUB)
    child = driven(below(parent))
    ask(world, parent, executions.pause)
    settle(parent, child)
    world.decide()
    settle(parent, child)
    assert (child.status, laboratory.sent) == ("paused", [])
    ask(world, parent, executions.resume)
    settle(parent, child)
    assert (child.status, parent.status) == ("completed", "completed")


@pytest.mark.parametrize("kind", ["manual", "playbook"])
def test_a_step_that_is_not_over_in_its_time_has_failed(world, family, kind):
    one = {"manual": {**LAST, "timeout": "1m"}, "playbook": {**SUB, "id": "tell", "timeout": "1m"}}[kind]
    execution = family([LAST], one)
    with time_machine.travel(clock.now() + dt.timedelta(minutes=2), tick=False):
        driven(execution)
    assert step(execution, "tell").status == "failed"
