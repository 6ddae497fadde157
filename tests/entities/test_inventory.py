"""Finding an asset by the name that an alert gives it."""

import pytest

from entities.choices import NodeKind
from entities.selectors import graph
from entities.services import graph as graphs
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
