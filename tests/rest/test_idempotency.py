"""`Idempotency-Key` on every POST: done once, answered the same."""

import threading

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client

from accounts.api import idempotency
from accounts.api.views import GovernedViewSet
from accounts.choices import Role
from accounts.models import IdempotencyKey
from incidents.api.serializers import IncidentSerializer
from incidents.api.views import IncidentViewSet
from incidents.models import Incident
from runbookpilot.api.audit import AuditViewSet
from tests import factories
from tests.rest.test_matrix import RULES, path

pytestmark = pytest.mark.django_db

POSTS = sorted(key for key in RULES if key[1] == "post")
INCIDENT = {"title": "Beacon", "severity": "SEV2"}


def post(address, token, key, body=INCIDENT, **headers):
    given = {"Authorization": f"Token {token}", "Idempotency-Key": key, **headers}
    return Client(raise_request_exception=False).post(address, body, content_type="application/json", headers=given)


@pytest.fixture
def token(world):
    return world[2][Role.ADMINISTRATOR]


def test_a_post_that_is_sent_twice_is_done_once(token):
    first, second = (post("/api/v1/incidents", token, "a") for _ in range(2))
    assert (first.status_code, second.status_code, first.json()) == (201, 201, second.json())
    assert Incident.objects.filter(title="Beacon").count() == 1
    assert "Idempotent-Replayed" not in first.headers
    assert second["Idempotent-Replayed"] == "true"


def test_another_body_under_the_same_key_is_refused(token):
    post("/api/v1/incidents", token, "a")
    answer = post("/api/v1/incidents", token, "a", {**INCIDENT, "title": "Other"})
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_another_tenant_under_the_same_key_is_refused(token):
    post("/api/v1/incidents", token, "a")
    answer = post("/api/v1/incidents", token, "a", **{"X-RunbookPilot-Tenant": "own"})
    assert answer.json()["code"] == "idempotency_key_reused"


def test_two_people_may_use_the_same_key(world):
    _, _, tokens = world
    answers = [post("/api/v1/incidents", tokens[role], "a") for role in (Role.ANALYST, Role.LEAD)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json()["id"] != answers[1].json()["id"]


def test_what_was_refused_may_be_sent_again_corrected(token):
    assert post("/api/v1/incidents", token, "a", {}).status_code == 400
    assert post("/api/v1/incidents", token, "a").status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there"])
def test_a_key_that_is_none_is_said(token, key):
    answer = post("/api/v1/incidents", token, key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


def test_nobody_is_answered_from_memory_without_logging_in(token):
    post("/api/v1/incidents", token, "a")
    assert post("/api/v1/incidents", "nonsense", "a").status_code == 401


def test_one_that_was_cut_off_leaves_nothing_and_may_be_sent_again(token, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(IncidentSerializer, "to_representation", _cut_off)
        with pytest.raises(KeyboardInterrupt):
            post("/api/v1/incidents", token, "a")
    assert (IdempotencyKey.objects.count(), Incident.objects.filter(title="Beacon").count()) == (0, 0)
    assert post("/api/v1/incidents", token, "a").status_code == 201


def _cut_off(*_args):
    raise KeyboardInterrupt


def test_what_failed_half_way_is_not_there_when_it_is_sent_again(token, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(IncidentSerializer, "to_representation", _disconnected)
        assert post("/api/v1/incidents", token, "a").json()["code"] == "unavailable"
    assert not Incident.objects.filter(title="Beacon").exists()
    assert post("/api/v1/incidents", token, "a").status_code == 201


def _disconnected(*_args):
    raise OperationalError("the server closed the connection unexpectedly")


def test_a_key_that_the_database_does_not_take_is_said_properly(token):
    def refuse(execute, sql, params, many, context):
        if "INSERT" in sql and "idempotencykey" in sql:
            _disconnected()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse):
        answer = post("/api/v1/incidents", token, "a")
    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "unavailable", "5")


def test_a_key_that_an_earlier_version_left_open_is_not_used_again(token):
    post("/api/v1/incidents", token, "a")
    IdempotencyKey.objects.update(status=None, answer=None)
    answer = post("/api/v1/incidents", token, "a")
    assert (answer.status_code, answer.json()["code"]) == (409, "cut_off")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("view", "address", "body", "inside"), [(IncidentViewSet, "incidents", INCIDENT, True), (AuditViewSet, "audit/verify", {}, False)])
def test_only_what_changes_something_holds_a_transaction(monkeypatch, view, address, body, inside):
    token, seen = factories.token(factories.user(Role.ADMINISTRATOR, factories.tenant("held"))), []
    monkeypatch.setattr(view, "tenant_for_write", lambda view: seen.append(connection.in_atomic_block) or GovernedViewSet.tenant_for_write(view))
    assert post(f"/api/v1/{address}", token, "a", body).status_code < 300
    assert seen == [inside]


def test_a_secret_that_is_shown_once_is_kept_encrypted(token):
    answer = post("/api/v1/alert-sources", token, "a", {"name": "siem-2"})
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM accounts_idempotencykey WHERE key = 'a'")
        stored = bytes(cursor.fetchone()[0])
    assert answer.json()["secret"].encode() not in stored
    assert post("/api/v1/alert-sources", token, "a", {"name": "siem-2"}).json() == answer.json()


@pytest.mark.parametrize(("name", "method"), POSTS)
def test_every_post_keeps_its_answer(world, token, name, method):
    own = world[0]
    answers = [post(path(name, method, own), token, name, {}) for _ in range(2)]
    assert answers[0].status_code == answers[1].status_code < 500
    if answers[0].status_code < 300:
        first, again = (answer.json() if answer.content else None for answer in answers)
        assert first == again
        assert answers[1]["Idempotent-Replayed"] == "true"


def test_a_key_whose_time_ends_while_it_is_sent_again_is_no_fault_of_ours(token, monkeypatch):
    post("/api/v1/incidents", token, "a")
    monkeypatch.setattr(idempotency, "_first", lambda row: None)
    answer = post("/api/v1/incidents", token, "a")
    assert (answer.status_code, answer.json()["code"]) == (409, "key_forgotten")


@pytest.mark.django_db(transaction=True)
def test_of_two_at_the_same_moment_one_is_done():
    tenant = factories.tenant("busy")
    token = factories.token(factories.user(Role.ANALYST, tenant))
    gate, answers = threading.Barrier(4), []

    def send():
        try:
            gate.wait(10)
            answers.append(post("/api/v1/incidents", token, "a").status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [201] * 4
    assert Incident.objects.filter(tenant=tenant).count() == 1
