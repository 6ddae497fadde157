"""What somebody may do in each of their tenants, as one question: it never says more than `may`."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.choices import Permission, Role
from accounts.models import Tenant
from accounts.selectors import access
from accounts.services import memberships
from tests import factories
from tests.factories import NOW, SETUP

pytestmark = pytest.mark.django_db
DOCUMENT = '{"event":{"id":"x"},"host":{"name":"a"}}'


def send(token: str, **headers: str) -> int:
    answer = Client().post("/api/v1/alerts", DOCUMENT, content_type="application/json", headers={"Authorization": f"Token {token}", **headers})
    return answer.status_code


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("permission", list(Permission))
def test_it_says_what_may_says(role: Role, permission: Permission) -> None:
    tenant = factories.tenant()
    user = factories.user(role, tenant)
    assert access.standings(user, permission) == [access.Standing(tenant, access.may(user, permission, tenant.pk))]


def test_each_tenant_has_its_own_answer(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    one, other, foreign = factories.tenant("one"), factories.tenant("two"), factories.tenant("three")
    user = factories.user(Role.ANALYST, one)
    memberships.grant(user=user, tenant=other, role=Role.VIEWER, actor=SETUP, now=NOW)
    factories.user(Role.ANALYST, foreign)
    with django_assert_num_queries(1):
        found = access.standings(user, Permission.INGEST_ALERTS)
    assert found == [access.Standing(one, True), access.Standing(other, False)]


def test_several_roles_in_a_tenant_are_one_standing() -> None:
    tenant = factories.tenant()
    user = factories.user(Role.VIEWER, tenant)
    memberships.grant(user=user, tenant=tenant, role=Role.ANALYST, actor=SETUP, now=NOW)
    assert access.standings(user, Permission.INGEST_ALERTS) == [access.Standing(tenant, True)]


def test_an_inactive_tenant_has_none() -> None:
    tenant = factories.tenant()
    user = factories.user(Role.ANALYST, tenant)
    Tenant.objects.filter(pk=tenant.pk).update(is_active=False)
    assert access.standings(user, Permission.INGEST_ALERTS) == []


def test_scopes_of_the_token_limit_it() -> None:
    tenant = factories.tenant()
    user = factories.user(Role.ANALYST, tenant)
    user.token_scopes = (Permission.VIEW_RECORDS,)
    assert access.standings(user, Permission.INGEST_ALERTS) == [access.Standing(tenant, False)]


def test_an_inactive_user_may_nothing() -> None:
    tenant = factories.tenant()
    user = factories.user(Role.ANALYST, tenant)
    user.is_active = False
    assert access.standings(user, Permission.INGEST_ALERTS) == [access.Standing(tenant, False)]


def test_a_superuser_may_all_in_every_tenant() -> None:
    tenant = factories.tenant()
    user = factories.user(is_superuser=True)
    assert access.Standing(tenant, True) in access.standings(user, Permission.MANAGE_TENANT)


def test_a_role_that_is_revoked_counts_at_the_next_request() -> None:
    tenant = factories.tenant()
    user = factories.user(Role.ANALYST, tenant)
    token = factories.token(user)
    assert send(token) == 202
    memberships.revoke(membership=user.memberships.get(), actor=SETUP, now=NOW)
    assert send(token) == 403


def test_a_tenant_where_the_role_is_too_small_is_refused_beside_one_where_it_is_not() -> None:
    one, other = factories.tenant("one"), factories.tenant("two")
    user = factories.user(Role.ANALYST, one)
    memberships.grant(user=user, tenant=other, role=Role.VIEWER, actor=SETUP, now=NOW)
    token = factories.token(user)
    assert (send(token, **{"X-RunbookPilot-Tenant": "one"}), send(token, **{"X-RunbookPilot-Tenant": "two"})) == (202, 403)
