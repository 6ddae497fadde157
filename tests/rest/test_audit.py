"""The audit trail over REST."""

import csv
import io
import json

import pytest

from accounts.choices import Role
from audit.journal import chain
from audit.models import Entry
from core import canonical
from tests.rest import worlds

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(world):
    return world[2][Role.AUDITOR]


@pytest.fixture
def tenant(world):
    return world[0].tenant


def get(path, token):
    return worlds.call("get", f"/api/v1/audit/{path}", token)


def test_entries_come_newest_first_with_a_sentence(auditor):
    rows = get("entries", auditor).json()["results"]
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert "engine changed the status of the execution" in {row["sentence"] for row in rows}


@pytest.mark.parametrize("query", ["kind=step:finished", "actor=engine", "subject_kind=execution", "after=2020-01-01T00:00:00Z"])
def test_entries_are_filtered(auditor, query):
    every, some = (
        get("entries?page_size=200", auditor).json()["results"],
        get(f"entries?page_size=200&{query}", auditor).json()["results"],
    )
    name, _, value = query.partition("=")
    assert some
    if name != "after":
        path = {"subject_kind": lambda row: row["subject"]["kind"]}.get(name, lambda row: row[name])
        assert some == [row for row in every if path(row) == value]


def test_a_filter_that_is_none_is_said(auditor):
    answer = get("entries?kind=nonsense", auditor)
    assert (answer.status_code, "kind" in answer.json()["fields"]) == (400, True)


def test_an_entry_s_hash_is_that_of_its_canonical_form(auditor):
    row = get("entries", auditor).json()["results"][0]
    one = get(f"entries/{row['id']}", auditor).json()
    assert canonical.digest(one["canonical"]) == one["hash"]


def test_an_entry_that_is_not_there_is_not_there(world, auditor):
    assert [get(f"entries/{pk}", auditor).status_code for pk in ("x", world[0].kwargs["execution"]["pk"])] == [404, 404]


def test_another_tenant_s_entries_are_not_there(world, auditor):
    other = world[1].tenant
    streams = {row["stream"] for row in get("entries?page_size=200", auditor).json()["results"]}
    assert f"tenant:{other.pk}" not in streams


def test_verifying_says_that_all_holds_and_is_journaled(auditor):
    answer = worlds.call("post", "/api/v1/audit/verify", auditor, {})
    assert (answer.status_code, answer.json()["ok"]) == (200, True)
    assert Entry.objects.filter(kind="audit:verified", data__ok=True).exists()


def test_one_stream_is_verified_by_name(world, auditor):
    stream = f"execution:{world[0].kwargs['execution']['pk']}"
    found = worlds.call("post", "/api/v1/audit/verify", auditor, {"stream": stream}).json()
    assert (found["ok"], found["streams"]) == (True, 1)
    assert found["entries"] == Entry.objects.filter(stream=stream).count()


def test_a_stream_of_another_tenant_has_no_entries(world, auditor):
    other = world[1].tenant
    found = worlds.call("post", "/api/v1/audit/verify", auditor, {"stream": f"tenant:{other.pk}"}).json()
    assert found["entries"] == 0


def test_the_export_holds_every_entry_in_its_canonical_form(tenant, auditor):
    lines = [json.loads(line) for line in get("export", auditor).getvalue().decode().splitlines()]
    assert len(lines) == Entry.objects.filter(tenant_id=tenant.pk).count()
    first = Entry.objects.filter(tenant_id=tenant.pk).order_by("id").first()
    assert lines[0] == json.loads(json.dumps({**chain.canonical_form(first), "hash": first.hash}))


def test_the_export_for_spreadsheets_is_a_table(tenant, auditor):
    rows = list(csv.reader(io.StringIO(get("export?form=csv", auditor).getvalue().decode())))
    assert rows[0][:3] == ["at", "stream", "seq"]
    assert len(rows) == Entry.objects.filter(tenant_id=tenant.pk).count() + 1


def test_a_form_that_is_none_is_said(auditor):
    answer = get("export?form=xml", auditor)
    assert (answer.status_code, answer.json()["fields"]) == (400, {"form": ["jsonl", "csv"]})
