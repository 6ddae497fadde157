"""What the answer to a new alert says of its decisions, and what it asks the database for that."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.choices import Role
from playbooks_app.models import TriggerDecision
from tests import factories

DOCUMENT = '{"event":{"id":"x"},"host":{"name":"a"}}'


@pytest.fixture
def token() -> str:
    tenant = factories.tenant()
    return factories.token(factories.user(Role.ANALYST, tenant))


def send(token: str) -> Any:
    answer = Client().post("/api/v1/alerts", DOCUMENT, content_type="application/json", headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 202
    return answer.json()


@pytest.mark.django_db(transaction=True)
def test_what_was_decided_at_once_is_answered(token: str, settings: Any) -> None:
    settings.TASK_BACKEND = "core.tasks.run_inline"
    (decision,) = send(token)["decisions"]
    assert decision["why"] == "There is no playbook to consider."


@pytest.mark.django_db(transaction=True)
def test_a_repeated_alert_is_answered_with_what_was_decided_meanwhile(token: str, settings: Any) -> None:
    settings.TASK_BACKEND = "core.tasks.run_inline"
    send(token)
    settings.TASK_BACKEND = "core.tasks.drop"
    again = send(token)
    assert (again["duplicate"], len(again["decisions"])) == (True, 1)


@pytest.mark.django_db
def test_what_a_worker_has_yet_to_decide_is_not_looked_for(token: str, settings: Any) -> None:
    settings.TASK_BACKEND = "core.tasks.drop"
    with CaptureQueriesContext(connection) as queries:
        assert send(token)["decisions"] == []
    assert not [query["sql"] for query in queries if TriggerDecision._meta.db_table in query["sql"]]
