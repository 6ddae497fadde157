"""Calls of every worker are counted where Prometheus asks."""

import datetime as dt

import pytest
from django.test import Client
from prometheus_client import REGISTRY

from adapters import calls, errors, instances
from adapters.models import AdapterInstance
from core import clock
from runbookpilot import meters
from tests import factories

pytestmark = pytest.mark.django_db
LABELS = {"adapter": "mock-edr", "action": "edr.isolate_host"}


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> AdapterInstance:
    monkeypatch.setattr(meters, "_mark", meters._Mark(clock.now()))
    environment = factories.environment(factories.tenant())
    return instances.create(environment=environment, adapter="mock-edr", name="edr", actor=factories.SETUP, now=factories.NOW)


def finished(instance: AdapterInstance, outcome: calls.Outcome) -> None:
    """A call that some worker has made, and that took two seconds."""
    call = calls.intend(
        instance=instance, environment="production", owner=("test", "1"), step="s", action=LABELS["action"], params={}, key="k", attempt=1,
        now=clock.now(),
    )  # fmt: skip
    calls.conclude(call, outcome, now=call.started_at + dt.timedelta(seconds=2))


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {**LABELS, **labels}) or 0.0


def asked(after: float = 60) -> None:
    meters.refresh(now=clock.now() + dt.timedelta(seconds=after))


def test_each_is_counted_once_with_its_outcome(instance: AdapterInstance) -> None:
    before = counted("runbookpilot_adapter_calls_total", outcome="timeout")
    finished(instance, calls.Outcome(error=errors.CallTimeout()))
    asked(60)
    asked(120)
    assert counted("runbookpilot_adapter_calls_total", outcome="timeout") == before + 1


def test_its_duration_is_observed(instance: AdapterInstance) -> None:
    before = counted("runbookpilot_adapter_call_seconds_sum")
    finished(instance, calls.Outcome(output={}))
    asked()
    assert counted("runbookpilot_adapter_call_seconds_sum") == before + 2


def test_one_that_may_not_be_committed_yet_is_counted_later(instance: AdapterInstance) -> None:
    before = counted("runbookpilot_adapter_calls_total", outcome="ok")
    finished(instance, calls.Outcome(output={}))
    asked(3)
    assert counted("runbookpilot_adapter_calls_total", outcome="ok") == before
    asked(60)
    assert counted("runbookpilot_adapter_calls_total", outcome="ok") == before + 1


def test_they_are_there_for_prometheus(instance: AdapterInstance) -> None:
    assert "runbookpilot_adapter_call_seconds" in Client().get("/metrics").content.decode()
