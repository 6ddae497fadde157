"""Each reading of a secret is told by the journal, without calls waiting for each other."""

import datetime as dt

import pytest

from adapters import instances
from adapters.models import AdapterInstance, SecretRead
from audit.models import Entry
from core.actors import system
from runbookpilot import periodic
from tests.adapters.test_calls import made
from tests.factories import NOW, SETUP

pytestmark = pytest.mark.django_db
SECOND = dt.timedelta(seconds=1)
ENGINE = system("engine")


@pytest.fixture
def hook(db: None) -> AdapterInstance:
    return made("webhook", config={"url": "https://example.org/"}, secrets={"secret": "a-secret"})


def told() -> list[Entry]:
    return list(Entry.objects.filter(kind="secret:read").order_by("id"))


def test_readings_are_told_together_with_who_how_often_and_when(hook: AdapterInstance) -> None:
    for second in range(3):
        instances.load(hook, actor=ENGINE, now=NOW + second * SECOND)
    assert instances.journal_reads(now=NOW + 9 * SECOND) == 3
    (entry,) = told()
    data = entry.data
    assert (entry.actor_id, data["names"], data["reads"], data["first"] < data["last"]) == ("system:engine", ["secret"], 3, True)


def test_each_reader_is_told(hook: AdapterInstance) -> None:
    instances.load(hook, actor=ENGINE, now=NOW)
    instances.load(hook, actor=SETUP, now=NOW)
    instances.journal_reads(now=NOW)
    assert {entry.actor_id for entry in told()} == {ENGINE.id, SETUP.id}


def test_none_is_told_twice(hook: AdapterInstance) -> None:
    instances.load(hook, actor=ENGINE, now=NOW)
    assert [instances.journal_reads(now=NOW) for _ in range(2)] == [1, 0]
    assert (len(told()), SecretRead.objects.count()) == (1, 0)


def test_no_secret_stands_in_what_is_noted_or_told(hook: AdapterInstance) -> None:
    instances.load(hook, actor=ENGINE, now=NOW)
    noted = str(list(SecretRead.objects.values()))
    instances.journal_reads(now=NOW)
    assert "a-secret" not in noted + str(list(Entry.objects.values()))


def test_an_adapter_without_secrets_notes_nothing(db: None) -> None:
    instances.load(made("mock-edr"), actor=ENGINE, now=NOW)
    assert SecretRead.objects.count() == 0


def test_it_is_done_by_itself() -> None:
    assert "adapters.tasks.journal_reads" in {work.task for work in periodic.PERIODIC}
