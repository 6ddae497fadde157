"""The library is searched by words, tags and techniques; programs and people read techniques by name."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.choices import Role
from playbooks_app.models import Playbook
from playbooks_app.selectors import library
from playbooks_app.services import playbooks
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead():
    tenant = factories.tenant()
    author, reviewer = (factories.user(Role.LEAD, tenant, username=name) for name in ("author", "reviewer"))
    for version in playbooks.load_library(tenant=tenant, actor=author.actor(), now=NOW):
        playbooks.activate(version=version, actor=reviewer.actor(), now=NOW)
    return author


def found(text):
    return set(library.search(Playbook.objects.all(), text).values_list("slug", flat=True))


@pytest.mark.parametrize("text", ["T1003.001", "lsass memory", "OS Credential", "credentials", "Dumping"])
def test_a_playbook_is_found_by_technique_tag_or_name(lead, text):
    assert found(text) == {"lsass-credential-dumping"}


def test_a_defence_finds_what_applies_it(lead):
    assert found("Network Isolation") == {"wmi-lateral-movement"}


def test_what_nothing_answers_finds_nothing(lead):
    assert found("T1486") == set()


def test_without_a_text_all_are_found(lead):
    assert len(found(" ")) == Playbook.objects.count()


def test_rest_searches_and_names_techniques(lead):
    client = Client(headers={"Authorization": f"Token {factories.token(lead)}"})
    [row] = client.get("/api/v1/playbooks?q=lsass").json()["results"]
    names = [item["name"] for item in row["active_version"]["technique_details"]]
    assert names == ["OS Credential Dumping: LSASS Memory", "Process Analysis"]


def test_the_library_page_searches_and_names_techniques(lead):
    client = Client()
    client.force_login(lead)
    text = client.get(reverse("admin:playbooks"), {"q": "lsass"}).content.decode()
    assert "T1003.001 OS Credential Dumping: LSASS Memory" in text
    assert "WMI lateral movement" not in text
