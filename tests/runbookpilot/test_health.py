"""Alive, ready, and what the numbers say; and the periodic work."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from adapters import instances
from adapters.models import AdapterInstance
from audit import pump
from audit.models import Delivery, triggers
from audit.selectors import deliveries
from core import clock
from runbookpilot import periodic
from runbookpilot.periodic import Tick, Work
from tests import factories

RAN: list[str] = []


def good() -> None:
    RAN.append("good")


def bad() -> None:
    RAN.append("bad")
    raise RuntimeError


def test_it_is_alive(db: None) -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}


def test_it_is_ready_with_every_check_named(db: None) -> None:
    answer = Client().get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "migrations": "ok", "journal": "ok"}


def test_it_is_not_ready_where_the_journal_is_not_guarded(db: None) -> None:
    trigger = triggers.expected(connection.vendor)[0]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {trigger.name}" + (f" ON {trigger.table}" if connection.vendor == "postgresql" else ""))
    answer = Client().get("/readyz")
    triggers.install(connection)
    assert (answer.status_code, trigger.name in answer.json()["checks"]["journal"]) == (503, True)


def test_its_numbers_are_there_for_prometheus(db: None) -> None:
    text = Client().get("/metrics").content.decode()
    assert all(name in text for name in ("runbookpilot_alerts", "runbookpilot_deliveries", "runbookpilot_approvals"))


def test_nothing_is_changed_by_asking(db: None) -> None:
    assert {Client().post(path).status_code for path in ("/healthz", "/readyz", "/metrics")} == {405}


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch) -> None:
    RAN.clear()
    own = (Work("tests.runbookpilot.test_health.bad", 60), Work("tests.runbookpilot.test_health.good", 0))
    monkeypatch.setattr(periodic, "PERIODIC", own)
    monkeypatch.setattr(periodic, "close_old_connections", lambda: None)


def test_work_that_fails_does_not_keep_the_other_from_running(works: Any) -> None:
    Tick()()
    assert RAN == ["bad", "good"]


def test_work_runs_when_it_is_due_and_not_before(works: Any) -> None:
    tick = Tick()
    tick()
    tick()
    assert RAN == ["bad", "good", "good"]


@pytest.fixture
def kept(works: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Delivery:
    """Work that failed once, and is kept."""
    settings.TASK_QUEUES = {"tests.runbookpilot.test_health": "housekeeping"}
    Tick()()
    monkeypatch.setattr(f"{__name__}.bad", good)
    return Delivery.objects.get()


@pytest.mark.django_db(transaction=True)
def test_work_that_failed_is_kept_until_it_has_run_again(kept: Delivery) -> None:
    assert kept.handler == "tests.runbookpilot.test_health.bad"
    Tick()()
    assert not Delivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_so_is_work_that_was_given_up_because_whoever_tried_it_again_was_killed(kept: Delivery) -> None:
    Delivery.objects.update(attempts=pump.ATTEMPTS, next_at=clock.now())
    pump.deliver(delivery_id=kept.pk, now=clock.now())
    assert deliveries.counts() == {"due": 0, "dead": 1}
    Tick()()
    assert deliveries.counts() == {"due": 0, "dead": 0}


@pytest.mark.django_db(transaction=True)
def test_work_that_fails_each_time_stays_kept(kept: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    def bad_again() -> None:
        raise RuntimeError

    monkeypatch.setattr(f"{__name__}.bad", bad_again)
    Tick()()
    assert Delivery.objects.get().pk == kept.pk


def test_a_vendor_that_is_left_alone_is_there_for_prometheus(db: None) -> None:
    environment = factories.environment(factories.tenant())
    given = {"config": {"url": "https://example.org/"}, "secrets": {"secret": "a-secret"}}
    instances.create(environment=environment, adapter="webhook", name="hook", actor=factories.SETUP, now=factories.NOW, **given)
    AdapterInstance.objects.update(breaker={"state": "open"})
    line = next(line for line in Client().get("/metrics").content.decode().splitlines() if line.startswith("runbookpilot_adapter_breaker{"))
    assert ('instance="hook"' in line, line.split()[-1]) == (True, "1.0")
