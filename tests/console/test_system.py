"""Adapters, people and the emergency stop: forms with reasons, confirmations and histories; secrets never come out."""

import pytest

from accounts.models import EmergencyStop, Environment, Membership
from adapters.models import AdapterInstance
from tests.console import worlds

SECRET = "hunter2-very-secret"


def edr(world):
    return AdapterInstance.objects.get(tenant=world.tenant, name="mock-edr")


def add_webhook(world, **form):
    environment = Environment.objects.get(tenant=world.tenant)
    given = {"adapter": "webhook", "name": "hook", "environment": environment.pk, "mode": "live", "confirm": "hook"}
    given |= {"url": "https://example.com/in", "secret": SECRET}
    return world.act("administrator", "system/adapters/new", **{**given, **form})


def hook(world):
    return AdapterInstance.objects.filter(tenant=world.tenant, name="hook").first()


def test_a_live_adapter_is_added_with_its_name_typed_again(world):
    assert "was added" in add_webhook(world).content.decode()
    assert hook(world).secrets == {"secret": SECRET}


def test_without_that_it_is_not_added(world):
    assert "type its name to confirm" in add_webhook(world, confirm="").content.decode()
    assert hook(world) is None


def test_a_wrong_configuration_is_explained_at_its_field(world):
    text = add_webhook(world, url="no address").content.decode()
    assert 'class="rp-error"' in text
    assert hook(world) is None


def test_a_secret_never_comes_back(world):
    assert SECRET not in add_webhook(world).content.decode()
    assert SECRET not in world.page("administrator", f"system/adapters/{hook(world).pk}").content.decode()


def test_a_secret_left_empty_is_kept(world):
    add_webhook(world)
    world.act("administrator", f"system/adapters/{hook(world).pk}", url="https://example.com/out", mode="live", enabled="on", reason="moved")
    assert hook(world).secrets == {"secret": SECRET}
    assert hook(world).config["url"] == "https://example.com/out"


def test_the_history_tells_what_changed_from_what_to_what_and_why(world):
    add_webhook(world)
    path = f"system/adapters/{hook(world).pk}"
    world.act("administrator", path, url="https://example.com/out", mode="live", enabled="on", reason="moved to the new host")
    text = world.page("administrator", path).content.decode().split("<h2>History</h2>")[1]
    assert "https://example.com/in" in text
    assert "https://example.com/out" in text
    assert "moved to the new host" in text


def test_a_change_needs_a_reason(world):
    text = world.act("administrator", f"system/adapters/{edr(world).pk}", mode="mock").content.decode()
    assert "needs a reason" in text
    assert edr(world).enabled


def test_checking_a_connection_says_what_came_of_it(world):
    assert "mock-edr is healthy" in world.act("administrator", f"system/adapters/{edr(world).pk}/check").content.decode()


def test_a_lead_checks_no_connection(world):
    assert world.act("lead", f"system/adapters/{edr(world).pk}/check").status_code == 404


def test_another_tenants_adapter_is_no_page(world):
    other = worlds.world("other")
    assert other.page("administrator", f"system/adapters/{edr(world).pk}").status_code == 404


def give(world, name="viewer", **form):
    person = world.people[name]
    return world.act("administrator", f"system/people/{person.pk}", **{"tenant": world.tenant.pk, "act": "grant", **form})


def roles(world, name="viewer"):
    return set(world.people[name].memberships.values_list("role", flat=True))


def test_a_role_is_given_with_a_reason_that_its_history_keeps(world):
    text = give(world, role="analyst", reason="on call in June").content.decode()
    assert roles(world) == {"viewer", "analyst"}
    assert "on call in June" in text.split("<h2>History</h2>")[1]


def test_the_trail_says_who_gave_which_role_to_whom(world):
    give(world, role="analyst", reason="on call in June")
    assert "gave the role “analyst” to acme-viewer" in " ".join(world.page("auditor", "system/audit").content.decode().split())


def test_without_a_reason_no_role_is_given(world):
    assert "needs a reason" in give(world, role="analyst").content.decode()
    assert roles(world) == {"viewer"}


def test_a_role_that_is_none_is_refused(world):
    give(world, role="emperor", reason="x")
    assert roles(world) == {"viewer"}


def test_a_role_is_taken_with_a_reason(world):
    give(world, act="revoke", membership=world.people["viewer"].memberships.get().pk, reason="left the team")
    assert roles(world) == set()
    assert Membership.history.filter(user=world.people["viewer"]).latest().history_change_reason == "left the team"


def test_the_last_administrator_stays(world):
    mine = world.people["administrator"].memberships.get()
    assert "at least one administrator" in give(world, "administrator", act="revoke", membership=mine.pk, reason="x").content.decode()
    assert roles(world, "administrator") == {"administrator"}


def test_somebody_is_added_with_a_first_role(world):
    form = {"username": "new.person", "password": "a long first pass phrase", "role": "viewer", "tenant": world.tenant.pk, "reason": "joined"}
    assert "new.person was added" in world.act("administrator", "system/people", **form).content.decode()


def test_a_weak_password_adds_nobody(world):
    form = {"username": "new.person", "password": "short", "role": "viewer", "tenant": world.tenant.pk, "reason": "joined"}
    assert "too short" in world.act("administrator", "system/people", **form).content.decode()


def test_an_administrator_gives_no_role_in_another_tenant(world):
    other = worlds.world("other")
    give(world, tenant=other.tenant.pk, role="analyst", reason="x")
    assert roles(world) == {"viewer"}


def test_people_of_another_tenant_are_not_seen(world):
    other = worlds.world("other")
    assert world.page("administrator", f"system/people/{other.people['viewer'].pk}").status_code == 404


def stop(world, name="analyst", **form):
    return world.act(name, "system/stop", **{"tenant": world.tenant.pk, "act": "engage", "reason": "ransom note", **form}).content.decode()


def test_an_analyst_stops_all_writes_and_every_page_says_so(world):
    assert "Acme is stopped" in stop(world)
    text = world.page("viewer", "alerts").content.decode()
    assert "rp-writes-stopped" in text


def test_a_stop_needs_a_reason(world):
    assert "needs a reason" in stop(world, reason=" ")
    assert not EmergencyStop.objects.exists()


def test_only_a_lead_lifts_it(world):
    stop(world)
    assert "You may not do this" in stop(world, act="release", reason="over")
    assert "The stop is lifted" in stop(world, "lead", act="release", reason="over")


def test_a_viewer_stops_nothing(world):
    stop(world, "viewer")
    assert not EmergencyStop.objects.exists()


def test_a_member_does_not_stop_another_tenant(world):
    other = worlds.world("other")
    stop(world, tenant=other.tenant.pk)
    assert not EmergencyStop.objects.exists()


@pytest.mark.parametrize("form", [{"tenant": "deployment"}])
def test_only_a_superuser_stops_all_tenants(world, form):
    assert "Only a superuser" in stop(world, "administrator", **form)
    assert not EmergencyStop.objects.exists()
