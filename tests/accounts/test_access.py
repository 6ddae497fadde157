"""Who may do what, where."""

import pytest

from accounts.choices import ROLE_PERMISSIONS, Permission, Role
from accounts.models import Tenant
from accounts.selectors import access, people, stops
from accounts.services import memberships, tokens, users
from accounts.services import stops as stopping
from audit.selectors import entries
from core.actors import system
from tests import factories
from tests.factories import NOW, SETUP

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_a_role_holds_just_its_permissions(role: Role, permission: Permission) -> None:
    tenant = factories.tenant()
    assert access.may(factories.user(role, tenant), permission, tenant.pk) is (permission in ROLE_PERMISSIONS[role])


def test_a_role_in_one_tenant_is_none_in_another() -> None:
    user = factories.user(Role.ADMINISTRATOR, factories.tenant())
    assert not access.may(user, Permission.VIEW_RECORDS, factories.tenant().pk)


def test_tenants_are_filtered_by_permission() -> None:
    mine = factories.tenant()
    factories.tenant()
    user = factories.user(Role.VIEWER, mine)
    assert list(Tenant.objects.permitting(user, Permission.VIEW_RECORDS)) == [mine]


def test_a_revoked_role_is_gone() -> None:
    tenant = factories.tenant()
    user = factories.user(Role.LEAD, tenant)
    memberships.revoke(membership=user.memberships.get(), actor=SETUP, now=NOW)
    assert not access.may(user, Permission.VIEW_RECORDS, tenant.pk)


def test_the_system_is_not_bound_by_roles() -> None:
    assert access.may(system("engine"), Permission.MANAGE_TENANT, factories.tenant().pk)


def test_a_superuser_holds_all() -> None:
    assert access.may(factories.user(is_superuser=True), Permission.MANAGE_TENANT, factories.tenant().pk)


def test_a_token_with_scopes_limits_its_owner() -> None:
    tenant = factories.tenant()
    user = factories.user(Role.ANALYST, tenant)
    user.token_scopes = (Permission.INGEST_ALERTS,)
    assert access.may(user, Permission.INGEST_ALERTS, tenant.pk)
    assert not access.may(user, Permission.VIEW_RECORDS, tenant.pk)
    assert not Tenant.objects.permitting(user, Permission.VIEW_RECORDS).exists()


def test_a_refusal_names_the_permission() -> None:
    tenant = factories.tenant()
    with pytest.raises(access.MayNot, match="Edit adapters"):
        access.require(factories.user(Role.VIEWER, tenant), Permission.MANAGE_ADAPTERS, tenant.pk)


def test_deciders_are_those_whose_role_may_decide() -> None:
    tenant = factories.tenant()
    lead = factories.user(Role.LEAD, tenant)
    factories.user(Role.ANALYST, tenant)
    assert list(people.deciders(tenant.pk, ["lead"])) == [lead]


def test_granting_twice_is_journaled_once() -> None:
    tenant = factories.tenant()
    user = factories.user(Role.VIEWER, tenant)
    memberships.grant(user=user, tenant=tenant, role=Role.VIEWER, actor=SETUP, now=NOW)
    assert [entry.kind for entry in entries.about([("user", user.pk)])].count("membership:granted") == 1


def test_a_taken_name_is_refused() -> None:
    factories.user(username="ann")
    with pytest.raises(users.UsernameTaken):
        factories.user(username="ann")


def test_a_weak_password_is_refused() -> None:
    with pytest.raises(users.WeakPassword):
        users.create(username="bob", password="password", actor=SETUP, now=NOW)


def test_a_service_account_cannot_log_in() -> None:
    assert not factories.user(is_service=True).has_usable_password()


class TestTokens:
    def test_only_the_hash_is_kept(self) -> None:
        row, text = tokens.create(user=factories.user(), name="t", actor=SETUP, now=NOW)
        assert text not in (row.digest, row.prefix)

    def test_it_is_found_by_its_text(self) -> None:
        user = factories.user()
        found = tokens.find(factories.token(user), now=NOW)
        assert found is not None
        assert found.user == user

    def test_an_expired_one_is_not(self) -> None:
        _, text = tokens.create(user=factories.user(), name="t", actor=SETUP, now=NOW, expires_at=NOW)
        assert tokens.find(text, now=NOW) is None

    def test_a_revoked_one_is_not(self) -> None:
        row, text = tokens.create(user=factories.user(), name="t", actor=SETUP, now=NOW)
        tokens.revoke(token=row, actor=SETUP, now=NOW)
        assert tokens.find(text, now=NOW) is None


class TestStops:
    def test_an_analyst_stops_a_tenant_at_once(self) -> None:
        tenant = factories.tenant()
        stopping.engage(tenant=tenant, reason="fire", actor=factories.user(Role.ANALYST, tenant).actor(), now=NOW)
        assert stops.standing(tenant.pk) is not None

    def test_it_does_not_bind_another_tenant(self) -> None:
        tenant = factories.tenant()
        stopping.engage(tenant=tenant, reason="fire", actor=SETUP, now=NOW)
        assert stops.standing(factories.tenant().pk) is None

    def test_the_deployment_s_binds_every_tenant(self) -> None:
        stopping.engage(tenant=None, reason="fire", actor=SETUP, now=NOW)
        assert stops.standing(factories.tenant().pk) is not None

    def test_an_analyst_may_not_lift_it(self) -> None:
        tenant = factories.tenant()
        stopping.engage(tenant=tenant, reason="fire", actor=SETUP, now=NOW)
        with pytest.raises(access.MayNot):
            stopping.release(tenant=tenant, reason="out", actor=factories.user(Role.ANALYST, tenant).actor(), now=NOW)

    def test_a_lead_lifts_it_with_a_reason(self) -> None:
        tenant = factories.tenant()
        lead = factories.user(Role.LEAD, tenant).actor()
        stopping.engage(tenant=tenant, reason="fire", actor=lead, now=NOW)
        with pytest.raises(stopping.ReasonMissing):
            stopping.release(tenant=tenant, reason=" ", actor=lead, now=NOW)
        stopping.release(tenant=tenant, reason="out", actor=lead, now=NOW)
        assert stops.standing(tenant.pk) is None

    def test_engaging_twice_is_one_stop(self) -> None:
        tenant = factories.tenant()
        first = stopping.engage(tenant=tenant, reason="fire", actor=SETUP, now=NOW)
        assert stopping.engage(tenant=tenant, reason="again", actor=SETUP, now=NOW) == first
