"""The playbooks of the storm can be told apart by the vendor's record alone, and are valid."""

import json

import pytest

from playbooks_app.spec import loader
from runbookpilot import catalogue
from tests.chaos import plans

WRITES = [
    pytest.param(plan.slug, step_id, part, id=f"{plan.slug}-{step_id}-{part['action']}")
    for plan in plans.PLANS.values()
    for step_id, step in plan.steps.items()
    for part in (step, step.get("rollback", {}))
    if part.get("action") in plans.THEIRS
]


@pytest.mark.parametrize(("slug", "step_id", "part"), WRITES)
def test_a_write_and_its_undo_name_their_step(slug: str, step_id: str, part: dict[str, object]) -> None:
    several = "for_each" in plans.PLANS[slug].steps[step_id]
    assert f"{{{{ alert.host.name }}}}:{step_id}{'[' if several else chr(34)}" in json.dumps(part["with"])


def test_each_playbook_has_a_technique_of_its_own() -> None:
    assert len({plan.technique for plan in plans.STARTED}) == len(plans.STARTED) == 12


def test_no_child_has_a_step_that_is_named_like_one_above_it() -> None:
    above, below = plans.PLANS["nested"], plans.PLANS["nested-child"]
    assert not above.steps.keys() & below.steps.keys()


def test_an_undo_is_another_action_than_what_it_undoes() -> None:
    steps = [step for plan in plans.PLANS.values() for step in plan.steps.values() if "rollback" in step]
    assert all(step["rollback"]["action"] != step["action"] for step in steps)


@pytest.mark.parametrize("slug", plans.PLANS)
def test_it_is_valid(slug: str) -> None:
    report = loader.load(plans.sources()[slug], catalogue=catalogue.known())
    assert report.is_valid, report.errors
