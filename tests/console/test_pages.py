"""Every page for every role: full, empty, refused."""

import pytest
from django.test import Client

from accounts.choices import Role
from adapters.models import AdapterInstance
from tests.console import worlds

LISTS = {
    "now/approvals": "Nothing waits for a decision",
    "now/executions": "Nothing has run yet",
    "now/incidents": "No incident so far",
    "alerts": "No alert came in yet",
    "compliance/coverage": "No framework is imported yet",
    "compliance/bundles": "No bundle yet",
}
RECORDS = ("now/approvals", "now/executions", "now/incidents", "alerts", "playbooks")
HEADS = {"now/approvals": "Isolate host ws-7", "now/executions": "WMI lateral movement on ws-7", "alerts": "WMI remote execution"}


@pytest.mark.parametrize(("path", "sentence"), LISTS.items())
def test_an_empty_page_says_why_and_what_to_do(world, path, sentence):
    text = world.page("administrator", path).content.decode()
    assert sentence in text
    assert "rp-button" in text.split(sentence)[1][:400]


@pytest.mark.parametrize(("path", "words"), HEADS.items())
def test_a_list_shows_its_rows(world, path, words):
    world.receive()
    assert words in world.page("viewer", path).content.decode()


@pytest.mark.parametrize("path", RECORDS)
def test_an_auditor_is_told_which_role_a_page_needs_and_who_has_it(world, path):
    response = world.page("auditor", path)
    assert response.status_code == 403
    assert "Read alerts, playbooks, executions, approvals and incidents" in response.content.decode()
    assert "acme-administrator" in response.content.decode()


@pytest.mark.parametrize("path", ["system/adapters", "system/adapters/new", "system/people", "system/dead-letters"])
@pytest.mark.parametrize("role", [Role.VIEWER, Role.ANALYST, Role.LEAD, Role.COMPLIANCE_OFFICER, Role.AUDITOR])
def test_configuration_is_for_administrators(world, path, role):
    assert world.page(role, path).status_code == 403


@pytest.mark.parametrize("role", list(Role))
def test_each_role_has_a_home(world, role):
    world.receive()
    response = world.as_(role).get("/admin/", follow=True)
    assert response.status_code == 200


def test_a_person_without_a_role_is_told_how_to_get_one(world):
    membership = world.people["viewer"].memberships.get()
    membership.user.groups.clear()
    membership.delete()
    assert "no role yet" in world.page("viewer", "").content.decode()


def test_another_tenants_record_is_no_page(world):
    world.receive()
    other = worlds.world("other")
    response = other.page("lead", f"now/executions/{world.execution().pk}")
    assert response.status_code == 404
    assert "not for you" in response.content.decode()


def test_another_tenants_rows_are_not_listed(world):
    world.receive()
    assert "ws-7" not in worlds.world("other").page("lead", "now/approvals").content.decode()


def test_an_address_that_is_none_says_so_in_the_consoles_look(world):
    response = world.page("viewer", "nowhere/")
    assert response.status_code == 404
    assert "Go home" in response.content.decode()


def test_too_many_wrong_passwords_are_answered_in_the_consoles_look(client, db, settings):
    settings.AXES_FAILURE_LIMIT = 2
    for _ in range(3):
        response = client.post("/admin/login/", {"username": "somebody", "password": "wrong"})
    assert response.status_code == 429
    assert "Too many wrong passwords" in response.content.decode()


def test_a_form_that_is_too_old_is_explained(world):
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["analyst"], backend="django.contrib.auth.backends.ModelBackend")
    response = client.post("/admin/now/incidents", {"title": "x"})
    assert response.status_code == 403
    assert "too old" in response.content.decode()


def test_a_program_gets_a_problem_document_for_an_address_that_is_none(world):
    response = world.as_("viewer").get("/api/v1/nowhere")
    assert response.status_code == 404
    assert response["Content-Type"].startswith("application/problem+json")


@pytest.mark.parametrize(("mode", "word"), [("mock", "mock"), ("live", "live")])
def test_the_frame_says_whether_writes_are_live(world, mode, word):
    AdapterInstance.objects.filter(name="mock-edr").update(mode=mode)
    assert f"rp-writes-{word}" in world.page("viewer", "now/approvals").content.decode()


def test_the_frame_says_who_where_and_in_which_role(world):
    text = world.page("analyst", "alerts").content.decode()
    assert "acme-analyst" in text
    assert "Acme / Production" in text
    assert "Analyst" in text
