"""The page of a control: whether it is proved and why, and what a compliance officer does about it."""

import datetime as dt

import pytest

from compliance.models import Control, ControlException, Mapping
from core import clock
from playbooks_app.models import Playbook
from tests.console import worlds
from tests.console.test_hostile import ALPINE, MARKUP, SCRIPT

UNTIL = (clock.now() + dt.timedelta(days=90)).date().isoformat()


@pytest.fixture
def proved(world):
    """A tenant whose IR-4 is served by a playbook that ran."""
    world.bundle()
    return world


def control(world, label="IR-4"):
    return Control.objects.get(tenant=world.tenant, label=label)


def page(world, label="IR-4", name="compliance_officer"):
    return world.page(name, f"compliance/controls/{control(world, label).pk}").content.decode()


def act(world, act, label="IR-4", name="compliance_officer", **form):
    return world.act(name, f"compliance/controls/{control(world, label).pk}", act=act, **form).content.decode()


def playbook(world):
    return Playbook.objects.get(tenant=world.tenant, slug="wmi-lateral-movement")


def test_it_says_whether_it_is_proved_and_why(proved):
    text = page(proved)
    assert "Served by cobalt-strike-c2." in text
    assert "Last proved on" in text


def test_a_control_that_nothing_serves_says_so_and_offers_to_map(proved):
    text = page(proved, "IR-5")
    assert "No playbook serves it" in text
    assert "Map it" in text


def test_whoever_may_only_look_is_offered_no_form(proved):
    assert "A compliance officer maps one." in page(proved, "IR-5", "auditor")
    assert "<textarea" not in page(proved, "IR-5", "auditor")


def test_a_playbook_is_mapped_with_its_reason_in_the_history(proved):
    assert "serves it from now on" in act(proved, "map", "IR-5", playbook=playbook(proved).pk, reason="it watches hosts")
    assert Mapping.objects.get(control=control(proved, "IR-5")).playbook == playbook(proved)
    assert "it watches hosts" in page(proved, "IR-5").split("<h2>History</h2>")[1]


@pytest.mark.parametrize("given", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_playbook_that_is_not_offered_is_an_error_beside_the_field(proved, given):
    assert 'rp-error" role="alert">Choose one' in act(proved, "map", "IR-5", playbook=given)
    assert not Mapping.objects.filter(control=control(proved, "IR-5")).exists()


def test_another_tenants_playbook_is_not_mapped(proved):
    other = worlds.world("other")
    act(proved, "map", "IR-5", playbook=playbook(other).pk)
    assert not Mapping.objects.filter(control=control(proved, "IR-5")).exists()


def test_a_mapping_is_ended_with_a_reason(proved):
    row = control(proved).mappings.get()
    assert "A reason is needed" in act(proved, "end", mapping=row.pk)
    act(proved, "end", mapping=row.pk, reason="another one does it")
    row.refresh_from_db()
    assert row.valid_until is not None
    assert "No workflow is mapped to it, though there is evidence." in page(proved)


def test_a_risk_is_accepted_until_a_day(proved):
    assert "The risk is accepted until" in act(proved, "accept", "IR-5", until=UNTIL, reason="next quarter")
    assert "next quarter" in page(proved, "IR-5")


@pytest.mark.parametrize("form", [{"until": "soon", "reason": "x"}, {"until": "2001-01-01", "reason": "x"}, {"until": UNTIL, "reason": " "}])
def test_a_risk_that_has_no_end_or_no_reason_is_not_accepted(proved, form):
    assert 'role="alert"' in act(proved, "accept", "IR-5", **form)
    assert not ControlException.objects.exists()


def test_owner_and_freshness_are_changed_and_the_history_tells_from_what_to_what(proved):
    act(proved, "change", owner=proved.people["lead"].pk, freshness_days="30", applicable="on", reason="shorter")
    text = page(proved).split("<h2>History</h2>")[1]
    assert control(proved).owner == proved.people["lead"]
    assert "shorter" in text
    assert ">90<" in text.replace(" ", "")


@pytest.mark.parametrize("days", ["", "many", "0", "99999", "٣"])
def test_a_freshness_that_is_none_changes_nothing(proved, days):
    assert 'role="alert"' in act(proved, "change", freshness_days=days, applicable="on", reason="x")
    assert control(proved).freshness_days == 90


def test_what_does_not_apply_is_no_gap(proved):
    act(proved, "change", "IR-5", freshness_days="90", reason="we have no such system")
    assert "Not applicable" in page(proved, "IR-5")


@pytest.mark.parametrize("name", ["auditor", "analyst", "viewer"])
def test_others_change_nothing(proved, name):
    assert "You may not do this" in act(proved, "accept", "IR-5", name, until=UNTIL, reason="x")
    assert not ControlException.objects.exists()


def test_another_tenants_control_is_no_page(proved):
    stranger = worlds.world("other")
    assert stranger.page("compliance_officer", f"compliance/controls/{control(proved).pk}").status_code == 404


@pytest.mark.parametrize("text", [MARKUP, SCRIPT, ALPINE])
def test_hostile_words_are_shown_and_not_run(proved, text):
    act(proved, "map", "IR-5", playbook=playbook(proved).pk, reason=text)
    assert text not in act(proved, "accept", "IR-5", until="x", reason=text)
    assert text not in page(proved, "IR-5")


def test_the_page_costs_the_same_however_much_evidence_there_is(proved, django_assert_max_num_queries):
    client = proved.as_("compliance_officer")
    with django_assert_max_num_queries(22):
        client.get(f"/admin/compliance/controls/{control(proved).pk}")


def test_coverage_answers_in_four_numbers(proved):
    text = " ".join(proved.page("compliance_officer", "compliance/coverage").content.decode().split())
    assert '<b>1 <small class="rp-muted">of 25</small></b><span class="rp-word">proved</span>' in text
    assert "never proved" in text


def test_an_auditor_sees_what_is_sealed_and_verified_at_once(proved):
    bundle = control(proved).bundles.get()
    before = proved.page("auditor", "compliance/bundles").content.decode()
    assert "1 not verified yet" in before
    assert "never verified here" in before
    proved.act("auditor", f"compliance/bundles/{bundle.pk}/verify")
    proved.act("auditor", "system/audit/verify")
    after = proved.page("auditor", "compliance/bundles").content.decode()
    assert "every sealed one" in after
    assert ">holds<" in after
