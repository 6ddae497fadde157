"""Every log line says to whom and to what it belongs."""

import pytest
import structlog
from django.test import Client

from accounts.choices import Role
from core import tracing
from tests import factories
from tests.playbooks_app.executions.conftest import world  # noqa: F401
from tests.playbooks_app.executions.worlds import READ, driven


@pytest.fixture
def lines():
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as captured:
        yield captured


def test_a_call_is_logged_with_its_execution_and_tenant(world, lines):  # noqa: F811
    execution = driven(world.begin(READ))
    line = next(line for line in lines if line["event"] == "adapter_call")
    assert (line["execution"], line["tenant"]) == (str(execution.pk), world.tenant.slug)


def test_a_call_is_logged_with_its_playbook_and_techniques(world, lines):  # noqa: F811
    execution = driven(world.begin(READ))
    line = next(line for line in lines if line["event"] == "adapter_call")
    assert (line["playbook"], line["techniques"]) == (str(execution.version), execution.version.techniques)


def test_nothing_of_an_execution_stays_behind(world, lines):  # noqa: F811
    driven(world.begin(READ))
    structlog.get_logger("test").info("afterwards")
    assert "execution" not in lines[-1]


@pytest.mark.django_db
def test_a_request_is_logged_with_its_actor_and_trace(lines, monkeypatch):
    person = factories.user(Role.ANALYST, factories.tenant())
    seen = {}
    monkeypatch.setattr(
        "accounts.api.views.clock.now", lambda: seen.update(structlog.contextvars.get_contextvars()) or factories.NOW
    )
    Client().post(
        "/api/v1/incidents", {"title": "T"}, content_type="application/json",
        headers={"Authorization": f"Token {factories.token(person)}", "X-Request-ID": "a-trace-of-mine"},
    )  # fmt: skip
    assert (seen["actor"], seen["trace_id"]) == (str(person.pk), "a-trace-of-mine")


@pytest.mark.django_db
def test_nothing_of_a_request_stays_behind(lines):
    person = factories.user(Role.ANALYST, factories.tenant())
    Client().get("/api/v1/incidents", headers={"Authorization": f"Token {factories.token(person)}"})
    assert "actor" not in structlog.contextvars.get_contextvars()
    assert tracing.current() == ""
