"""Settings of tenants and what serves what: forms with reasons, confirmations and histories, for who administers them."""

import pytest

from accounts.models import Environment, Tenant
from adapters import instances
from adapters.models import AdapterInstance, Binding
from approvals.services import notices
from audit.selectors import entries
from core import clock
from tests import factories
from tests.console import worlds
from tests.console.test_hostile import ALPINE, MARKUP, SCRIPT
from tests.factories import SETUP

SETTINGS = {"act": "settings", "name": "Acme", "max_level": "L2", "l2_enabled": "on", "notices_name_targets": "on", "reason": "audit finding"}


def change(world, who="administrator", /, **form):
    given = {key: value for key, value in {**SETTINGS, **form}.items() if value is not None}
    return world.act(who, f"system/settings/{world.tenant.pk}", **given).content.decode()


def stands(world):
    return Tenant.objects.get(pk=world.tenant.pk)


def test_the_one_tenant_is_opened_at_once(world):
    assert world.page("administrator", "system/settings").url.endswith(f"system/settings/{world.tenant.pk}")


def test_several_tenants_are_listed(world):
    factories.tenant("second")
    world.people["administrator"].is_superuser = True
    world.people["administrator"].save()
    assert "second" in world.page("administrator", "system/settings").content.decode()


def test_tightening_takes_a_reason_and_the_history_tells_from_what_to_what(world):
    assert "The settings were changed" in change(world, max_level="L1")
    history = world.page("administrator", f"system/settings/{world.tenant.pk}").content.decode().split("<h2>History</h2>")[1]
    assert stands(world).max_level == "L1"
    for words in ("audit finding", "max_level", ">L2<", "<b>L1</b>"):
        assert words in history


def test_the_journal_keeps_the_reason(world):
    change(world, max_level="L1")
    assert entries.last_of(f"tenant:{world.tenant.pk}").data == {"max_level": "L1", "reason": "audit finding"}


def test_without_a_reason_nothing_changes_and_what_was_chosen_stays_in_the_form(world):
    text = change(world, max_level="L0", reason=" ")
    assert stands(world).max_level == "L2"
    assert 'value="L0" checked' in text
    assert "A reason is needed" in text


LOOSER = [
    ({"max_level": "L1"}, {"max_level": "L2"}),
    ({"l2_enabled": False}, {"l2_enabled": "on"}),
    ({"approve_notifications": True}, {"approve_notifications": None}),
    ({"notices_name_targets": False}, {"notices_name_targets": "on"}),
]


@pytest.mark.parametrize(("before", "form"), LOOSER)
def test_letting_more_happen_is_confirmed_by_the_tenants_short_name(world, before, form):
    Tenant.objects.filter(pk=world.tenant.pk).update(**before)
    assert "Type acme." in change(world, **form)
    assert {name: getattr(stands(world), name) for name in before} == before
    change(world, **form, confirm="acme")
    assert {name: getattr(stands(world), name) for name in before} != before


@pytest.mark.parametrize(("form", "words"), [({"name": ""}, "cannot be blank"), ({"max_level": "L9"}, "not a valid choice")])
def test_a_field_that_is_wrong_is_explained_beside_it(world, form, words):
    text = change(world, confirm="acme", **form)
    assert words in text.split('class="rp-error"')[1].split("</span>")[0]


@pytest.mark.parametrize("name", ["lead", "analyst", "auditor", "compliance_officer", "viewer"])
def test_only_administrators_reach_the_settings(world, name):
    change(world, name, max_level="L0")
    assert stands(world).max_level == "L2"
    assert world.page(name, f"system/settings/{world.tenant.pk}").status_code == 403


def test_another_tenants_settings_are_no_page(world):
    other = worlds.world("other")
    assert other.page("administrator", f"system/settings/{world.tenant.pk}").status_code == 404


@pytest.mark.parametrize("text", [MARKUP, SCRIPT, ALPINE])
def test_hostile_words_in_settings_are_shown_and_not_run(world, text):
    assert text not in change(world, reason=text, max_level="L9")
    world.act("administrator", f"system/settings/{world.tenant.pk}", **{**SETTINGS, "name": text[:200], "reason": text})
    assert text[:100] not in world.page("administrator", f"system/settings/{world.tenant.pk}").content.decode()


def test_an_environment_is_added(world):
    path = f"system/settings/{world.tenant.pk}"
    assert "Lab was added" in world.act("administrator", path, act="environment", slug="lab", label="Lab", kind="lab").content.decode()
    assert "already" in world.act("administrator", path, act="environment", slug="lab", label="Lab", kind="lab").content.decode()
    assert Environment.objects.filter(tenant=world.tenant, slug="lab").count() == 1


def test_notices_name_no_target_where_the_tenant_wants_none(world):
    world.receive()
    assert notices.content(world.pending())["title"] == "Isolate host ws-7"
    change(world, notices_name_targets=None)
    assert "ws-7" not in str(notices.content(world.pending()))


def second(world, **fields):
    row = instances.create(
        environment=factories.environment(world.tenant), adapter="mock-edr", name="other-edr", actor=SETUP, now=clock.now(), bind=False
    )
    AdapterInstance.objects.filter(pk=row.pk).update(**fields)
    return row


def bind(world, row, name="administrator", **form):
    return world.act(name, "system/bindings", **{"instance": row.pk, "capability": "edr", "reason": "moved", **form}).content.decode()


def serving(world):
    return Binding.objects.get(environment=factories.environment(world.tenant), capability="edr").instance.name


def test_a_capability_is_served_by_another_adapter(world):
    assert "edr is served by other-edr from now on" in bind(world, second(world))
    assert serving(world) == "other-edr"


def test_the_history_of_bindings_names_who_what_and_why(world):
    bind(world, second(world))
    text = " ".join(world.page("administrator", "system/bindings").content.decode().split())
    assert "<b>acme-administrator</b> let <b>other-edr</b> serve <b>edr</b> instead of mock-edr" in text
    assert "moved" in text


def test_a_live_adapter_serves_only_when_its_name_is_typed(world):
    row = second(world, mode="live")
    assert "type its name" in bind(world, row)
    assert serving(world) == "mock-edr"
    bind(world, row, confirm="other-edr")
    assert serving(world) == "other-edr"


@pytest.mark.parametrize(("fields", "form", "words"), [
    ({"enabled": False}, {}, "is disabled"), ({}, {"capability": "firewall"}, "has no action"), ({}, {"reason": ""}, "needs a reason"),
])  # fmt: skip
def test_what_could_not_serve_is_refused_in_words(world, fields, form, words):
    assert words in bind(world, second(world, **fields), **form)
    assert serving(world) == "mock-edr"


@pytest.mark.parametrize("name", ["lead", "analyst", "auditor", "viewer"])
def test_only_administrators_choose_what_serves_what(world, name):
    bind(world, second(world), name)
    assert serving(world) == "mock-edr"


def test_another_tenants_adapter_serves_nothing_here(world):
    other = worlds.world("other")
    bind(world, AdapterInstance.objects.get(tenant=other.tenant, name="mock-edr"))
    assert serving(world) == "mock-edr"


@pytest.mark.parametrize(("old", "new"), [
    ("accounts/tenant/", "system/settings"), ("accounts/user/", "system/people"), ("adapters/adapterinstance/", "system/adapters"),
])  # fmt: skip
def test_the_admins_own_lists_lead_to_the_console(world, old, new):
    response = world.page("administrator", old)
    assert (response.status_code, response.url) == (302, f"/admin/{new}")


def test_the_admins_own_form_leads_to_the_record(world):
    row = AdapterInstance.objects.filter(tenant=world.tenant).first()
    assert world.page("administrator", f"adapters/adapterinstance/{row.pk}/change/").url == f"/admin/system/adapters/{row.pk}"
    assert world.page("administrator", f"adapters/adapterinstance/{row.pk}/delete/").url == f"/admin/system/adapters/{row.pk}"
