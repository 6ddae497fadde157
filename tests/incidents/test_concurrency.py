"""The same alert, and the next number, from several sides at once."""

import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from entities.models import Link
from incidents.models import Alert, Incident
from incidents.services import alerts, incidents
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
SIDES = 6


def at_once(work: Callable[[], Any]) -> list[Any]:
    gate, results = threading.Barrier(SIDES), []

    def side() -> None:
        try:
            gate.wait(10)
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=side) for _ in range(SIDES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


@pytest.fixture
def place(settings: Any) -> dict[str, Any]:
    settings.WIRING = "tests.incidents.test_concurrency.NO_WIRING"
    tenant = factories.tenant()
    return {"tenant": tenant, "environment": factories.environment(tenant), "actor": factories.SETUP, "now": factories.NOW}


NO_WIRING: dict[str, tuple[str, ...]] = {}


@pytest.mark.parametrize("body", [b'{"event":{"id":"x"},"host":{"name":"a"}}', b'{"host":{"name":"a"},"user":{"name":"b"}}'])
def test_the_same_alert_at_once_is_one(place: dict[str, Any], body: bytes) -> None:
    results = at_once(lambda: alerts.ingest(body=body, **place).accepted[0].duplicate)
    assert sorted(results) == [False] + [True] * (SIDES - 1)
    assert Alert.objects.get().duplicates == SIDES - 1


def test_incidents_declared_at_once_have_their_own_numbers(place: dict[str, Any]) -> None:
    at_once(lambda: incidents.declare(title="x", **place))
    assert sorted(Incident.objects.values_list("number", flat=True)) == list(range(1, SIDES + 1))


def test_alerts_about_the_same_things_at_once_are_all_taken_in(place: dict[str, Any]) -> None:
    numbers = itertools.count()

    def send() -> alerts.Accepted:
        document = {"event": {"id": f"x-{next(numbers)}"}, "host": {"name": "a"}, "user.name": "b", "source": {"ip": "192.0.2.1"}}
        return alerts.ingest(body=json.dumps(document).encode(), **place).accepted[0]

    results = at_once(send)
    assert [accepted.duplicate for accepted in results] == [False] * SIDES
    assert sorted(Link.objects.values_list("target__key", flat=True)) == ["192.0.2.1"] * SIDES + ["a"] * SIDES + ["b"] * SIDES
