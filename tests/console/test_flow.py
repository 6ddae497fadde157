"""The picture of the steps: where the boxes stand, and which lines are drawn."""

import json

import pytest

from playbooks_app.models import StepRun
from playbooks_app.spec.schema import Playbook
from runbookpilot.console import flow

PLAYBOOK = {
    "apiVersion": "runbookpilot/v1",
    "metadata": {"id": "look", "name": "Look", "version": "1.0.0"},
    "steps": [
        {"id": "first", "action": "edr.get_isolation_status", "with": {"host": "h"}},
        {"id": "left", "action": "edr.get_isolation_status", "with": {"host": "h"}, "needs": ["first"]},
        {"id": "right", "action": "edr.get_isolation_status", "with": {"host": "h"}, "needs": ["first"]},
        {"id": "both", "kind": "decision", "question": "Which?", "branches": {"yes": ["last"], "no": []}, "needs": ["left", "right", "first"]},
        {"id": "last", "kind": "manual", "instructions": "Tell.", "name": "A name that is much too long to fit into a box"},
    ],
}


@pytest.fixture
def drawn():
    return flow.picture(Playbook.model_validate_json(json.dumps(PLAYBOOK)), {"both": StepRun(status="completed", decision="yes")})


def boxes(picture):
    return {box.step.id: box for box in picture.boxes}


def test_steps_that_can_run_together_stand_beside_each_other(drawn):
    found = boxes(drawn)
    assert found["left"].y == found["right"].y
    assert found["left"].x + flow.WIDTH < found["right"].x


def test_a_step_stands_below_all_that_it_needs(drawn):
    found = boxes(drawn)
    assert found["first"].y < found["left"].y < found["both"].y < found["last"].y


def test_what_a_need_waits_for_already_has_no_line_of_its_own(drawn):
    assert len(drawn.lines) == 5


def test_the_way_that_was_chosen_is_marked_and_named(drawn):
    assert [line.label for line in drawn.lines if line.taken] == ["yes"]


def test_every_box_is_on_the_canvas(drawn):
    assert all(0 <= box.x <= drawn.width - flow.WIDTH and 0 <= box.y <= drawn.height - flow.HEIGHT for box in drawn.boxes)


def test_a_long_name_is_cut(drawn):
    assert len(boxes(drawn)["last"].name) <= flow.NAME
