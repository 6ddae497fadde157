"""Whether a control is proved, and why."""

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance.choices import CoverageState
from compliance.selectors import coverage
from compliance.services import bundles, controls, evidence, mappings
from playbooks_app.choices import ExecutionStatus
from tests import factories
from tests.compliance import worlds
from tests.compliance.worlds import DAY, NOW


def of(world: worlds.World, as_of: dt.datetime = NOW, **more: Any) -> coverage.Coverage:
    rows = coverage.coverage(world.tenant.pk, world.framework, as_of, **more)
    return next(row for row in rows if row.control == world.control)


def test_without_a_workflow_it_is_uncovered(world: worlds.World) -> None:
    row = of(world)

    assert (row.state, row.reasons) == (CoverageState.UNCOVERED, ("No workflow is mapped to it.",))


def test_a_workflow_that_never_ran_proves_nothing(world: worlds.World) -> None:
    worlds.mapped(world)

    row = of(world)

    assert (row.state, row.reasons) == (CoverageState.UNCOVERED, ("Served by contain.", "Nothing has been proved yet."))


def test_with_valid_evidence_it_is_covered_until_that_goes_stale(world: worlds.World) -> None:
    worlds.mapped(world)
    bundle = worlds.sealed(world)

    row = of(world)

    assert (row.state, row.valid_until) == (CoverageState.COVERED, NOW + 90 * DAY)
    assert row.newest is not None
    assert row.newest.bundle_id == bundle.pk


def test_it_goes_stale_when_its_freshness_has_passed(world: worlds.World) -> None:
    worlds.mapped(world)
    worlds.sealed(world)

    row = of(world, NOW + 90 * DAY)

    assert row.state == CoverageState.STALE
    assert row.reasons[-1] == f"That was valid for 90 days, until {NOW + 90 * DAY:%Y-%m-%d}."


def test_it_says_what_goes_stale_soon(world: worlds.World) -> None:
    worlds.mapped(world)
    worlds.sealed(world)

    assert not of(world, NOW + 59 * DAY).stale_soon
    assert of(world, NOW + 61 * DAY).stale_soon


def test_newer_evidence_that_failed_makes_it_failing(world: worlds.World) -> None:
    worlds.mapped(world)
    worlds.sealed(world)
    worlds.sealed(world, NOW + DAY, ExecutionStatus.FAILED)

    row = of(world, NOW + DAY)

    assert row.state == CoverageState.FAILING
    assert "did not pass: Contain dc-1" in row.reasons[-1]


def test_newer_evidence_that_passed_mends_it(world: worlds.World) -> None:
    worlds.mapped(world)
    worlds.sealed(world, NOW, ExecutionStatus.FAILED)
    worlds.sealed(world, NOW + DAY)

    assert of(world, NOW + DAY).state == CoverageState.COVERED


def test_what_people_ended_is_neither_pass_nor_failure(world: worlds.World) -> None:
    worlds.mapped(world)
    worlds.sealed(world, NOW, ExecutionStatus.CANCELLED)

    row = of(world)

    assert (row.state, row.reasons[-1]) == (CoverageState.UNCOVERED, "What ran was ended before it could prove anything.")


def test_an_accepted_risk_excepts_it_until_it_ends(world: worlds.World) -> None:
    actor = world.officer.actor()
    controls.accept_risk(control=world.control, reason="Old host", valid_until=NOW + 10 * DAY, actor=actor, now=NOW)

    row = of(world, NOW + 9 * DAY)

    assert row.state == CoverageState.EXCEPTED
    assert "accepted the risk until 2026-03-14: Old host" in row.reasons[0]
    assert of(world, NOW + 10 * DAY).state == CoverageState.UNCOVERED


def test_an_accepted_risk_does_not_hide_valid_evidence(world: worlds.World) -> None:
    worlds.mapped(world)
    worlds.sealed(world)
    controls.accept_risk(
        control=world.control, reason="Old host", valid_until=NOW + DAY, actor=world.officer.actor(), now=NOW
    )

    assert of(world).state == CoverageState.COVERED


def test_what_does_not_apply_says_why(world: worlds.World) -> None:
    controls.change(control=world.control, applicable=False, reason="No wireless here.", actor=world.officer.actor(), now=NOW)

    row = of(world)

    assert (row.state, row.reasons) == (CoverageState.NOT_APPLICABLE, ("No wireless here.",))


def test_a_past_date_is_answered_as_it_was(world: worlds.World) -> None:
    worlds.mapped(world, valid_from=NOW - DAY)
    worlds.sealed(world)

    assert of(world, NOW - 2 * DAY).reasons == ("No workflow is mapped to it.",)
    assert of(world, NOW - dt.timedelta(hours=1)).state == CoverageState.UNCOVERED
    assert of(world, NOW).state == CoverageState.COVERED


def test_an_ended_mapping_covers_nothing_from_then_on(world: worlds.World) -> None:
    mapping = worlds.mapped(world)
    worlds.sealed(world)
    mappings.end(mapping=mapping, at=NOW + DAY, actor=world.officer.actor(), now=NOW)

    assert of(world, NOW + dt.timedelta(hours=23)).state == CoverageState.COVERED
    assert of(world, NOW + DAY).reasons == ("No workflow is mapped to it, though there is evidence.",)


def test_an_open_bundle_proves_nothing_yet(world: worlds.World) -> None:
    worlds.mapped(world)
    evidence.capture(execution_id=worlds.execution(world).pk, actor=worlds.ENGINE, now=NOW)

    assert of(world).state == CoverageState.UNCOVERED


def test_a_superseded_bundle_no_longer_counts_beside_its_correction(world: worlds.World) -> None:
    worlds.mapped(world)
    old = worlds.sealed(world)
    new = bundles.supersede(bundle_id=old.pk, title="", actor=worlds.ENGINE, now=NOW)
    new = bundles.seal(bundle_id=new.pk, actor=worlds.ENGINE, now=NOW + DAY)

    before, after = of(world, NOW).newest, of(world, NOW + DAY).newest

    assert (before and before.bundle_id, after and after.bundle_id) == (old.pk, new.pk)


def test_another_environment_is_not_proved(world: worlds.World) -> None:
    lab = factories.Environment.objects.create(tenant=world.tenant, slug="lab", name="Lab")
    worlds.mapped(world)
    worlds.sealed(world)

    assert of(world, environment=world.environment).state == CoverageState.COVERED
    assert of(world, environment=lab).state == CoverageState.UNCOVERED


def test_a_step_that_the_mapping_selects_must_have_passed(world: worlds.World) -> None:
    worlds.mapped(world, selector={"steps": ["isolate", "verify"]})
    worlds.sealed(world)

    assert of(world).state == CoverageState.UNCOVERED


@pytest.mark.parametrize("size", [3, 40])
def test_it_asks_the_database_as_often_for_many_controls_as_for_few(db: None, size: int) -> None:
    world = worlds.world(size)
    worlds.mapped(world)
    for control in list(world.framework.controls.all())[1:]:
        mappings.add(control=control, playbook=world.playbook, actor=worlds.ENGINE, now=NOW, valid_from=NOW - DAY)
    worlds.sealed(world)

    with CaptureQueriesContext(connection, ) as queries:
        rows = coverage.coverage(world.tenant.pk, world.framework, NOW)

    assert {row.state for row in rows} == {CoverageState.COVERED}
    assert len(queries) == 4


def test_the_heat_map_counts_by_family(db: None) -> None:
    world = worlds.world(12)
    worlds.mapped(world)
    worlds.sealed(world)

    families = coverage.by_family(coverage.coverage(world.tenant.pk, world.framework, NOW))

    assert families == {"Family 0": {"covered": 1, "uncovered": 9}, "Family 1": {"uncovered": 2}}


def test_gaps_come_with_the_worst_first(world: worlds.World) -> None:
    worlds.mapped(world)
    worlds.sealed(world, NOW, ExecutionStatus.FAILED)

    rows = coverage.gaps(coverage.coverage(world.tenant.pk, world.framework, NOW))

    assert [(row.control.identifier, str(row.state)) for row in rows] == [
        ("c-1", "failing"), ("c-2", "uncovered"), ("c-3", "uncovered"),
    ]


def test_it_names_the_workflows_that_serve_no_control(world: worlds.World) -> None:
    worlds.mapped(world)
    worlds.playbook_of(world.tenant, "idle")

    assert [playbook.slug for playbook in coverage.serving_nothing(world.tenant.pk, NOW)] == ["idle"]
