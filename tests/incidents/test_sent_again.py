"""A sender that sends the very same signed request again after an answer that said: try again."""

import time

import pytest
from django.db import OperationalError
from django.test import Client

from core import clock
from incidents.models import Alert
from incidents.services import alerts, sources
from tests import factories


@pytest.mark.django_db
def test_a_signed_request_that_was_answered_with_try_again_may_be_sent_again(settings, monkeypatch):
    settings.TASK_BACKEND = "core.tasks.drop"
    tenant = factories.tenant()
    _, secret = sources.create(tenant=tenant, environment=factories.environment(tenant), name="ids", actor=factories.SETUP, now=clock.now())
    body, at = b'{"event":{"id":"1"}}', str(int(time.time()))
    headers = {sources.SOURCE_HEADER: "ids", sources.TIMESTAMP_HEADER: at, sources.SIGNATURE_HEADER: sources.sign(secret=secret, timestamp=at, body=body)}
    client = Client(raise_request_exception=False)
    with monkeypatch.context() as patched:
        def gone(**_):
            raise OperationalError("gone")
        patched.setattr(alerts, "ingest", gone)
        assert client.post("/api/v1/alerts", body, content_type="application/json", headers=headers).status_code == 503
    again = client.post("/api/v1/alerts", body, content_type="application/json", headers=headers)
    assert (again.status_code, Alert.objects.count()) == (202, 1), again.json()
