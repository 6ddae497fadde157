"""What stands with a target: through services and alerts, and no further."""

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from entities.choices import LinkKind, NodeKind
from entities.models import Link, Node
from entities.selectors import graph
from entities.services import graph as graphs
from entities.services import inventory
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    return factories.tenant()


def alert(tenant, *involved):
    """Write an alert about hosts and users, as taking one in does."""
    for insert in graphs.of_alert(tenant_id=tenant.pk, alert_id=uuid.uuid4(), title="Beacon", involved=involved, now=factories.NOW):
        insert.rows[0].__class__.objects.bulk_create(insert.rows)


def host(name):
    return NodeKind.HOST, name


def user(name):
    return NodeKind.USER, name


def runs(tenant, name, *services):
    inventory.take_in(tenant=tenant, rows=[{"host": name, "services": list(services)}], actor=factories.SETUP, now=factories.NOW)


def reach(tenant, kind, key):
    return graph.blast_radius(tenant_id=tenant.pk, kind=kind, key=key)


def test_it_names_the_users_and_hosts_that_an_alert_saw_together(tenant):
    alert(tenant, host("ws-1"), user("ada"), host("ws-2"))
    assert reach(tenant, *host("ws-1")) == {"hosts": ["ws-2"], "users": ["ada"], "services": []}


def test_it_names_the_hosts_of_a_user(tenant):
    for name in ("ws-1", "ws-2"):
        alert(tenant, host(name), user("ada"))
    assert reach(tenant, *user("ada"))["hosts"] == ["ws-1", "ws-2"]


def test_it_names_the_hosts_that_share_a_service(tenant):
    for name in ("dc-1", "dc-2"):
        runs(tenant, name, "ldap")
    assert reach(tenant, *host("dc-1")) == {"hosts": ["dc-2"], "users": [], "services": ["ldap"]}


def test_it_does_not_go_on_from_another_host(tenant):
    alert(tenant, host("ws-1"), host("ws-2"))
    alert(tenant, host("ws-2"), host("ws-3"), user("ada"))
    runs(tenant, "ws-2", "smtp")
    assert reach(tenant, *host("ws-1")) == {"hosts": ["ws-2"], "users": [], "services": []}


def test_it_follows_a_link_between_two_services_one_way_or_the_other(tenant):
    runs(tenant, "db-1", "postgresql")
    web, database = (graphs.upsert_node(tenant_id=tenant.pk, kind=NodeKind.SERVICE, key=key, now=factories.NOW) for key in ("web", "postgresql"))
    graphs.link(source=web, target=database, kind=LinkKind.DEPENDS_ON, now=factories.NOW)
    assert reach(tenant, *host("db-1"))["services"] == ["postgresql", "web"]


def test_a_host_that_nothing_is_known_of_reaches_nothing(tenant):
    assert reach(tenant, *host("ws-9")) == {"hosts": [], "users": [], "services": []}


def test_another_tenants_are_not_named(tenant):
    alert(factories.tenant("other"), host("ws-1"), user("ada"))
    assert reach(tenant, *host("ws-1"))["users"] == []


@pytest.fixture
def busy(tenant):
    """A host with more alerts than are looked through, the oldest and the newest about a user, and a service that came last."""
    alert(tenant, host("ws-1"), user("first"))
    target = Node.objects.get(kind=NodeKind.HOST, key="ws-1")
    common = {"tenant": tenant, "created_at": factories.NOW}
    alerts = Node.objects.bulk_create(Node(**common, kind=NodeKind.ALERT, key=f"a-{number}", label="a") for number in range(2500))
    Link.objects.bulk_create(Link(**common, kind=LinkKind.INVOLVES, source=one, target=target) for one in alerts)
    alert(tenant, host("ws-1"), user("last"))
    runs(tenant, "ws-1", "ldap")
    return tenant


def test_of_thousands_of_alerts_the_newest_count_and_no_service_is_lost(busy):
    assert reach(busy, *host("ws-1")) == {"hosts": [], "users": ["last"], "services": ["ldap"]}


def test_it_asks_four_times_however_many_alerts_there_are(busy):
    with CaptureQueriesContext(connection) as queries:
        reach(busy, *host("ws-1"))
    assert len(queries) == 4
