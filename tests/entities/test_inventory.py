"""Finding an asset by the name that an alert gives it."""

import pytest

from accounts.choices import Role
from accounts.selectors import access
from audit.selectors import entries
from entities.choices import NodeKind
from entities.selectors import graph
from entities.services import graph as graphs
from entities.services import inventory
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    return factories.tenant()


def asset(tenant, name, criticality="high"):
    graphs.upsert_node(
        tenant_id=tenant.pk, kind=NodeKind.HOST, key=name, attributes={"criticality": criticality}, now=factories.NOW
    )


def found(tenant, host):
    return graph.asset(tenant_id=tenant.pk, host=host)


def test_a_host_is_found_by_its_name_in_any_case(tenant):
    asset(tenant, "dc-1")
    assert found(tenant, " DC-1 ")["criticality"] == "high"


def test_a_full_name_is_found_by_its_first_label_and_says_so(tenant):
    asset(tenant, "dc-1")
    assert found(tenant, "dc-1.corp.example")["matched_by"] == "first label"


def test_a_full_name_is_not_taken_for_another_domain_s(tenant):
    asset(tenant, "dc-1")
    asset(tenant, "dc-1.south.example")
    assert found(tenant, "dc-1.north.example") is None


def test_a_short_name_is_not_taken_for_a_full_one(tenant):
    asset(tenant, "dc-1.south.example")
    assert found(tenant, "dc-1") is None


def test_a_host_that_only_an_alert_named_is_no_asset(tenant):
    graphs.upsert_node(tenant_id=tenant.pk, kind=NodeKind.HOST, key="ws-7", now=factories.NOW)
    assert found(tenant, "ws-7") is None


def test_another_tenant_s_asset_is_unknown(tenant):
    asset(factories.tenant(), "dc-1")
    assert found(tenant, "dc-1") is None


def test_attributes_are_merged(tenant):
    asset(tenant, "dc-1")
    graphs.upsert_node(tenant_id=tenant.pk, kind=NodeKind.HOST, key="dc-1", attributes={"owner": "IT"}, now=factories.NOW)
    assert found(tenant, "dc-1") == {"host": "dc-1", "criticality": "high", "owner": "IT"}


def take_in(tenant, *rows):
    return inventory.take_in(tenant=tenant, rows=rows, actor=factories.SETUP, now=factories.NOW)


def test_hosts_are_taken_in_with_what_runs_on_them(tenant):
    assert take_in(tenant, {"host": " DC-1 ", "criticality": "crown-jewel", "owner": "Identity", "services": "ldap; kerberos"}) == 1
    assert found(tenant, "dc-1")["criticality"] == "crown-jewel"
    assert graph.blast_radius(tenant_id=tenant.pk, kind=NodeKind.HOST, key="dc-1")["services"] == ["ldap", "kerberos"]


def test_taking_in_is_journaled_with_a_digest(tenant):
    take_in(tenant, {"host": "dc-1"}, {"host": "dc-2"})
    entry = entries.last_of(f"inventory:{tenant.pk}")
    assert (entry.kind, entry.data["hosts"], len(entry.data["sha256"])) == ("inventory:imported", 2, 64)


@pytest.mark.parametrize(
    ("row", "about"),
    [
        ({}, "host"),
        ({"host": ""}, "host"),
        ({"host": "a b"}, "host"),
        ({"host": "a\x00"}, "host"),
        ({"host": "x" * 256}, "host"),
        ({"host": "a", "criticality": "huge"}, "criticality"),
        ({"host": "a", "owner": "a\nb"}, "owner"),
        ({"host": "a", "services": ["s"] * 101}, "services"),
        ({"host": "a", "site": "Bern"}, "site"),
        ("dc-1", "the row"),
    ],
)
def test_one_wrong_row_takes_nothing_in_and_is_named(tenant, row, about):
    with pytest.raises(inventory.WrongInventory) as refused:
        take_in(tenant, {"host": "dc-1"}, row)
    assert refused.value.fields["row 2"].startswith(about)
    assert graph.inventory(tenant_id=tenant.pk) == []


def test_nobody_without_the_right_changes_the_inventory(tenant):
    with pytest.raises(access.MayNot):
        inventory.take_in(
            tenant=tenant, rows=[{"host": "a"}], actor=factories.user(Role.ANALYST, tenant).actor(), now=factories.NOW
        )
