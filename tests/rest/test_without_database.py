"""What programs are told while the database is away."""

import pytest
from django.db import OperationalError, connection

from accounts.choices import Role
from tests import factories
from tests.rest import worlds


@pytest.fixture
def token(db):
    tenant = factories.tenant()
    return factories.token(factories.user(Role.ANALYST, tenant))


def gone(execute, sql, params, many, context):
    raise OperationalError("the server closed the connection unexpectedly")


@pytest.mark.parametrize(("method", "path"), [("get", "/api/v1/executions"), ("post", "/api/v1/alerts")])
def test_they_are_told_to_come_back(token, method, path):
    with connection.execute_wrapper(gone):
        answer = worlds.call(method, path, token)
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "5")
    assert answer["Content-Type"].startswith("application/problem+json")
    assert "closed the connection" not in answer.content.decode()
