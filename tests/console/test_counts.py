"""What a list costs does not grow with its rows, whoever counts."""

import pytest

LISTS = ("now/approvals", "now/executions", "now/incidents", "alerts", "playbooks", "compliance/bundles", "system/audit", "system/adapters", "system/people")


@pytest.mark.parametrize("path", LISTS)
def test_a_list_asks_at_most_eight_queries(world, path, django_assert_max_num_queries):
    world.receive()
    world.receive("T1071.001", destination={"ip": "203.0.113.7"})
    client = world.as_("administrator")
    with django_assert_max_num_queries(8):
        assert client.get(f"/admin/{path}").status_code == 200
