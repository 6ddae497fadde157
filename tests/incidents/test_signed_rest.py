"""Alerts that a program signs, over REST."""

import json
import time

import pytest
from django.test import Client

from accounts.choices import Role
from incidents.models import Alert, AlertSource
from incidents.services import sources
from tests import factories

pytestmark = pytest.mark.django_db
BODY = json.dumps({"@timestamp": "2026-03-04T05:06:07Z", "event": {"id": "s-1"}, "rule": {"name": "R"}}).encode()


@pytest.fixture
def signer():
    tenant = factories.tenant("acme")
    _, secret = sources.create(
        tenant=tenant, environment=factories.environment(tenant), name="siem", trigger_source="elastic",
        actor=factories.SETUP, now=factories.NOW,
    )  # fmt: skip
    return secret


def signed(secret, body=BODY, *, at=None, **more):
    timestamp = str(int(time.time() if at is None else at))
    return {
        "X-RunbookPilot-Source": "siem",
        "X-RunbookPilot-Timestamp": timestamp,
        "X-RunbookPilot-Signature": sources.sign(secret=secret, timestamp=timestamp, body=body),
        **more,
    }


def post(headers, body=BODY, content_type="application/json"):
    return Client().post("/api/v1/alerts", body, content_type=content_type, headers=headers)


def test_a_signed_alert_is_accepted_without_a_token(signer):
    assert post(signed(signer)).status_code == 202


def test_the_source_decides_tenant_environment_and_trigger_source(signer):
    post(signed(signer, **{"X-RunbookPilot-Tenant": "other", "X-RunbookPilot-Trigger-Source": "sigma"}))
    alert = Alert.objects.select_related("tenant", "source").get()
    assert (alert.tenant.slug, alert.source.name, alert.trigger_source) == ("acme", "siem", "elastic")


def test_the_same_request_is_refused_the_second_time(signer):
    headers = signed(signer)
    assert [post(headers).status_code, post(headers).status_code] == [202, 401]
    assert Alert.objects.get().duplicates == 0


@pytest.mark.parametrize(
    "change",
    [
        {"X-RunbookPilot-Signature": "v1=" + "0" * 64},
        {"X-RunbookPilot-Signature": "v2=" + "0" * 64},
        {"X-RunbookPilot-Signature": "é"},
        {"X-RunbookPilot-Signature": ""},
        {"X-RunbookPilot-Source": "nobody"},
        {"X-RunbookPilot-Source": ""},
        {"X-RunbookPilot-Timestamp": ""},
        {"X-RunbookPilot-Timestamp": "9" * 400},
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(signer, change):
    answer = post({**signed(signer), **change})
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer.json()["detail"]
    assert not Alert.objects.exists()


def test_a_changed_body_is_refused(signer):
    assert post(signed(signer), BODY + b" ").status_code == 401


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_timestamp_out_of_time_is_refused(signer, seconds):
    assert post(signed(signer, at=time.time() + seconds)).status_code == 401


def test_a_disabled_source_is_refused(signer):
    AlertSource.objects.update(enabled=False)
    assert post(signed(signer)).status_code == 401


def test_a_signed_batch_answers_per_item(signer):
    body = BODY + b"\n{broken\n"
    answer = post(signed(signer, body), body, "application/x-ndjson")
    assert answer.status_code == 207
    assert [("error" in item) for item in answer.json()["results"]] == [False, True]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(signer, settings):
    settings.BATCH_MAX_BYTES = 10
    assert post(signed(signer)).status_code == 413


def test_a_signature_opens_no_other_door(signer):
    assert Client().get("/api/v1/alerts", headers=signed(signer, b"")).status_code == 401
    assert Client().post("/api/v1/executions", BODY, content_type="application/json", headers=signed(signer)).status_code == 401


def test_an_administrator_adds_a_source_and_sees_its_secret_once(signer):
    tenant = AlertSource.objects.get().tenant
    headers = {"Authorization": f"Token {factories.token(factories.user(Role.ADMINISTRATOR, tenant))}"}
    made = Client().post("/api/v1/alert-sources", {"name": "edr"}, content_type="application/json", headers=headers)
    listed = Client().get("/api/v1/alert-sources", headers=headers).json()["results"]
    assert (made.status_code, len(made.json()["secret"]) > 30) == (201, True)
    assert [row["name"] for row in listed] == ["edr", "siem"]
    assert not any("secret" in row for row in listed)


def test_an_analyst_adds_no_source(signer):
    tenant = AlertSource.objects.get().tenant
    headers = {"Authorization": f"Token {factories.token(factories.user(Role.ANALYST, tenant))}"}
    made = Client().post("/api/v1/alert-sources", {"name": "edr"}, content_type="application/json", headers=headers)
    assert made.status_code == 403
