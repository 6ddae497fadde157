"""Approvals over REST."""

import pytest

from accounts.choices import Role
from approvals.models import Request
from core import clock
from playbooks_app.models import Execution
from playbooks_app.services import executions, runner
from tests.rest import worlds

pytestmark = pytest.mark.django_db


def test_a_late_click_is_told_why_the_request_was_withdrawn(world):
    here, tokens = world[0], world[2]
    row = Request.objects.get(tenant=here.tenant, status="pending")
    execution = Execution.objects.get(pk=row.labels["execution"])
    executions.cancel(execution_id=execution.pk, reason="false alarm", actor=here.author.actor(), now=clock.now())
    runner.advance(execution.pk)
    answer = worlds.call("post", f"/api/v1/approvals/{row.pk}/approve", tokens[Role.ANALYST], {"digest": row.digest})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_pending")
    assert "withdrawn already: a person cancelled it" in answer.content.decode()
