"""`Idempotency-Key` on every POST: done once, answered the same."""

import datetime as dt
import threading

import pytest
from django.db import connection, connections
from django.test import Client

from accounts.api import idempotency
from accounts.choices import Role
from accounts.models import IdempotencyKey, User
from core import clock
from incidents.models import Incident
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


def test_the_first_being_under_way_is_said(world, token):
    _unfinished(created_at=clock.now())
    answer = post("/api/v1/incidents", token, "a")
    assert (answer.status_code, answer.json()["code"]) == (409, "in_progress")


def test_one_that_was_cut_off_is_said(world, token):
    _unfinished(created_at=clock.now() - idempotency.CUT_OFF - dt.timedelta(seconds=1))
    answer = post("/api/v1/incidents", token, "a")
    assert (answer.status_code, answer.json()["code"]) == (409, "cut_off")


def _unfinished(**changes):
    """A key whose first request is under way."""
    user = User.objects.get(username=f"m-{Role.ADMINISTRATOR}")
    post("/api/v1/incidents", factories.token(user), "a")
    IdempotencyKey.objects.filter(user=user, key="a").update(status=None, answer=None, **changes)


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
    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert Incident.objects.filter(tenant=tenant).count() == 1
