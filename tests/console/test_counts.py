"""What a page costs does not grow with its rows, whoever counts."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from compliance.models import Control, Framework
from compliance.services import mappings
from playbooks_app.models import Playbook
from tests.factories import NOW, SETUP

LISTS = ("now/approvals", "now/executions", "now/incidents", "alerts", "playbooks", "compliance/bundles", "system/audit", "system/dead-letters", "system/adapters", "system/people")


@pytest.mark.parametrize("path", LISTS)
def test_a_list_asks_at_most_eight_queries(world, path, django_assert_max_num_queries):
    world.receive()
    world.receive("T1071.001", destination={"ip": "203.0.113.7"})
    client = world.as_("administrator")
    with django_assert_max_num_queries(8):
        assert client.get(f"/admin/{path}").status_code == 200


def grow(framework, playbook, count):
    """Let a framework have this many controls, each with a workflow."""
    have = framework.controls.count()
    rows = [
        Control(tenant=framework.tenant, framework=framework, identifier=f"c-{number}", label=f"C-{number}", title="A control", position=number)
        for number in range(have, count)
    ]
    for control in Control.objects.bulk_create(rows):
        mappings.add(control=control, playbook=playbook, actor=SETUP, now=NOW)


def queries(client):
    with CaptureQueriesContext(connection) as found:
        assert client.get("/admin/compliance/coverage").status_code == 200
    return len(found)


def test_coverage_asks_as_much_for_two_hundred_controls_as_for_ten(world):
    framework = Framework.objects.create(tenant=world.tenant, slug="own", name="Own")
    playbook, client = Playbook.objects.get(tenant=world.tenant, slug="wmi-lateral-movement"), world.as_("administrator")
    grow(framework, playbook, 10)
    few = queries(client)
    grow(framework, playbook, 200)
    assert queries(client) == few <= 8
