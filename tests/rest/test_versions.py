"""ETag and If-Match on what people edit."""

import threading

import pytest
from django.db import connections
from django.test import Client

from accounts.choices import Role
from compliance.models import Control
from compliance.services import frameworks
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(world):
    return world[2][Role.ADMINISTRATOR]


@pytest.fixture
def control(world):
    return f"/api/v1/controls/{world[0].kwargs['control']['pk']}"


def send(method, address, token, body=None, **headers):
    given = {"Authorization": f"Token {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    client = Client(raise_request_exception=False)
    if method == "get":
        return client.get(address, headers=given)
    return getattr(client, method)(address, body or {}, content_type="application/json", headers=given)


@pytest.mark.parametrize("kind", ["control", "framework", "playbook"])
def test_configuration_is_read_with_its_version(world, token, kind):
    own = world[0]
    address = f"/api/v1/{kind}s/{own.kwargs[kind].get('pk') or own.kwargs[kind]['slug']}"
    first, second = send("get", address, token), send("get", address, token)
    assert first["ETag"] == second["ETag"]


def test_what_has_not_changed_is_not_sent_again(control, token):
    tag = send("get", control, token)["ETag"]
    answer = send("get", control, token, If_None_Match=tag)
    assert (answer.status_code, answer.content) == (304, b"")


def test_who_saw_the_present_state_changes_it(control, token):
    tag = send("get", control, token)["ETag"]
    answer = send("patch", control, token, {"freshness_days": 17}, If_Match=tag)
    assert (answer.status_code, answer.json()["freshness_days"]) == (200, 17)
    assert send("get", control, token)["ETag"] != tag


def test_who_saw_another_state_changes_nothing(control, token):
    tag = send("get", control, token)["ETag"]
    send("patch", control, token, {"freshness_days": 18})
    answer = send("patch", control, token, {"freshness_days": 19}, If_Match=tag)
    assert (answer.status_code, answer.json()["code"]) == (412, "changed")
    assert send("get", control, token).json()["freshness_days"] == 18


def test_any_state_may_be_asked_for(control, token):
    assert send("patch", control, token, {"freshness_days": 20}, If_Match="*").status_code == 200


def test_the_version_is_of_the_whole_whatever_fields_are_shown(control, token):
    assert send("get", f"{control}?fields=id", token)["ETag"] == send("get", control, token)["ETag"]


def test_one_s_own_settings_have_a_version_too(token):
    tag = send("get", "/api/v1/me/notifications", token)["ETag"]
    assert send("put", "/api/v1/me/notifications", token, {"channel": "none"}, If_Match='"x"').status_code == 412
    assert send("put", "/api/v1/me/notifications", token, {"channel": "none"}, If_Match=tag).status_code == 200


def test_a_version_s_activation_is_conditional_too(world, token):
    address = "/api/v1/playbooks/wmi-lateral-movement/versions/1.0.0/activate"
    assert send("post", address, token, If_Match='"x"').status_code == 412


def test_another_tenant_s_row_is_not_there_whatever_is_matched(world, token):
    address = f"/api/v1/controls/{world[1].kwargs['control']['pk']}"
    assert send("patch", address, token, {"freshness_days": 3}, If_Match="*").status_code == 404


@pytest.mark.parametrize("address", ["/api/v1/frameworks?slug=x", "/api/v1/playbooks", "/api/v1/playbooks/validate"])
def test_what_is_not_there_yet_has_no_version(world, token, address):
    assert send("post", address, token, {}, If_Match='"x"').status_code == 400


@pytest.mark.django_db(transaction=True)
def test_of_two_who_saw_the_same_one_changes_it():
    tenant = factories.tenant("busy")
    token = factories.token(factories.user(Role.ADMINISTRATOR, tenant))
    frameworks.import_oscal(
        tenant=tenant, content=frameworks.starter_catalog(), slug="f", actor=factories.SETUP, now=factories.NOW
    )
    address = f"/api/v1/controls/{Control.objects.first().pk}"
    tag = send("get", address, token)["ETag"]
    gate, answers = threading.Barrier(4), []

    def change(days):
        try:
            gate.wait(10)
            answers.append(send("patch", address, token, {"freshness_days": days}, If_Match=tag).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=change, args=(days,)) for days in (11, 12, 13, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [200, 412, 412, 412]
