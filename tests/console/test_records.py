"""Alerts, incidents, playbooks, coverage, bundles, audit and the palette."""

import json

import pytest

from accounts.choices import Role
from accounts.models import Environment
from accounts.services import memberships
from audit.selectors import entries
from incidents.models import Incident
from playbooks_app.models import Playbook, PlaybookVersion
from playbooks_app.services import playbooks
from tests.console import worlds
from tests.factories import NOW, SETUP


def test_an_alert_answers_why_it_ran_nothing(world):
    text = world.page("viewer", f"alerts/{world.receive('T1083').pk}").content.decode()
    assert "Why did this not run anything?" in text
    assert "It answers T1047, and this alert has T1083." in text


def test_an_alert_names_its_technique(world):
    assert "Windows Management Instrumentation" in world.page("viewer", f"alerts/{world.receive().pk}").content.decode()


def test_an_incident_is_declared_from_an_alert_and_linked_to_it(world):
    alert = world.receive()
    world.act("analyst", "now/incidents", title="Movement on ws-7", severity="SEV2", alert=alert.pk)
    row = Incident.objects.get(tenant=world.tenant)
    assert str(alert.pk) in world.page("viewer", f"now/incidents/{row.pk}").content.decode()


def incident(world):
    world.act("analyst", "now/incidents", title="Movement", severity="SEV2")
    return Incident.objects.get(tenant=world.tenant)


def test_an_incident_goes_through_its_phases(world):
    row = incident(world)
    world.act("analyst", f"now/incidents/{row.pk}/act", act="status", status="mitigated", reason="isolated by hand")
    text = world.page("viewer", f"now/incidents/{row.pk}").content.decode()
    assert "mitigated" in text
    assert "isolated by hand" in text


def test_a_role_in_an_incident_is_given_to_a_member(world):
    row = incident(world)
    world.act("analyst", f"now/incidents/{row.pk}/act", act="role", role="commander", user="acme-lead")
    assert row.roles.get().user == world.people["lead"]


def test_a_role_in_an_incident_is_not_given_to_a_stranger(world):
    worlds.world("other")
    row = incident(world)
    text = world.act("analyst", f"now/incidents/{row.pk}/act", act="role", role="commander", user="other-lead").content.decode()
    assert "Choose a member of this tenant." in text


def test_a_viewer_declares_nothing(world):
    world.act("viewer", "now/incidents", title="No")
    assert not Incident.objects.exists()


def wmi(world):
    return Playbook.objects.get(tenant=world.tenant, slug="wmi-lateral-movement")


@pytest.mark.parametrize(("tab", "words"), [("text", "apiVersion"), ("versions", "Retire"), ("runs", "median time"), ("triggers", "Windows Management"), ("controls", "serves no control")])
def test_a_playbook_has_its_tabs(world, tab, words):
    world.receive()
    assert words in world.page("lead", f"playbooks/{wmi(world).pk}?tab={tab}").content.decode()


def second_version(world):
    source = PlaybookVersion.objects.get(playbook=wmi(world)).source.replace("version: 1.0.0", "version: 1.1.0")
    source = source.replace("approval: {quorum: 2}", "approval: {quorum: 3}")
    return playbooks.import_version(tenant=world.tenant, source=source, actor=world.people["lead"].actor(), now=NOW)


def test_two_versions_stand_side_by_side_with_what_is_the_same_folded(world):
    second_version(world)
    text = world.page("lead", f"playbooks/{wmi(world).pk}?version=1.1.0&against=1.0.0").content.decode()
    assert "quorum: 3" in text
    assert "lines the same" in text


def test_whoever_imported_a_version_cannot_press_activate(world):
    version = playbooks.submit(version=second_version(world), actor=SETUP, now=NOW)
    text = world.page("lead", f"playbooks/{wmi(world).pk}?tab=versions").content.decode()
    assert "another person activates it" in text
    assert "another person" in world.act("lead", f"playbooks/versions/{version.pk}/act", act="activate").content.decode()


def test_a_second_person_activates(world):
    version = playbooks.submit(version=second_version(world), actor=SETUP, now=NOW)
    world.act("administrator", f"playbooks/versions/{version.pk}/act", act="activate")
    version.refresh_from_db()
    assert version.status == "active"


def test_coverage_shows_gaps_with_what_mends_them_and_what_is_proved(world):
    world.bundle()
    text = world.page("compliance_officer", "compliance/coverage").content.decode()
    assert "Map a playbook" in text
    assert "Incident Handling" in text.split("<h2>Proved</h2>")[1]


def test_coverage_as_of_a_day_before_proves_nothing(world):
    world.bundle()
    text = world.page("compliance_officer", "compliance/coverage?as_of=2026-03-05").content.decode()
    assert "end of 2026-03-05" in text
    assert "<h2>Proved</h2>" not in text


def test_an_auditor_verifies_a_bundle_and_sees_the_verdict(world):
    row = world.bundle()
    assert "Sealed, not verified yet" in world.page("auditor", f"compliance/bundles/{row.pk}").content.decode()
    text = world.act("auditor", f"compliance/bundles/{row.pk}/verify").content.decode()
    assert "<strong>VERIFIED</strong>" in text
    assert "What was checked" in text


def test_an_auditor_downloads_a_pack_and_the_look_is_recorded(world):
    row = world.bundle()
    response = world.as_("auditor").post(f"/admin/compliance/bundles/{row.pk}/pack")
    assert b"".join(response.streaming_content).startswith(b"PK")
    assert entries.of_stream(f"bundle:{row.pk}")[-1].actor_name == "acme-auditor"


def test_an_auditor_seals_nothing(world):
    assert "You may not do this" in world.act("auditor", f"compliance/bundles/{world.bundle().pk}/seal").content.decode()


def test_the_audit_trail_reads_as_sentences(world):
    world.receive()
    row = world.pending()
    world.act("lead", f"now/approvals/{row.pk}/decide", verdict="approve", digest=row.digest)
    text = " ".join(world.page("auditor", "system/audit").content.decode().split())
    assert "<b>acme-lead</b> approved" in text
    assert ">Isolate host ws-7</a>" in " ".join(world.page("lead", "system/audit").content.decode().split())


@pytest.mark.parametrize("query", ["actor=acme-lead", "kind=approval:voted", "since=2026-01-01&until=2099-01-01"])
def test_the_audit_trail_is_filtered(world, query):
    world.receive()
    row = world.pending()
    world.act("lead", f"now/approvals/{row.pk}/decide", verdict="approve", digest=row.digest)
    assert "acme-lead" in world.page("auditor", f"system/audit?{query}").content.decode()


def test_an_entry_shows_its_canonical_form_and_that_it_holds(world):
    world.receive()
    entry = entries.of_stream(f"execution:{world.execution().pk}")[2]
    text = world.page("auditor", f"system/audit/entries/{entry.id}").content.decode()
    assert "<strong>Holds</strong>" in text
    assert entry.prev_hash in text


def test_the_chain_up_to_an_entry_is_downloaded(world):
    world.receive()
    entry = entries.of_stream(f"execution:{world.execution().pk}")[2]
    response = world.as_("auditor").post(f"/admin/system/audit/entries/{entry.id}/chain")
    lines = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]
    assert [line["seq"] for line in lines] == [1, 2, 3]
    assert lines[-1]["hash"] == entry.hash


def test_another_tenants_entry_is_no_page(world):
    world.receive()
    entry = entries.of_stream(f"execution:{world.execution().pk}")[0]
    assert worlds.world("other").page("auditor", f"system/audit/entries/{entry.id}").status_code == 404


def found(world, name, text):
    groups = world.page(name, f"palette?q={text}").json()["groups"]
    return {group["title"]: [item["title"] for item in group["items"]] for group in groups}


def test_the_palette_finds_what_is_there(world):
    world.receive()
    titles = found(world, "analyst", "ws-7")
    assert titles["Approvals"] == ["Isolate host ws-7"]
    assert titles["Executions"] == ["WMI lateral movement on ws-7"]
    assert titles["Alerts"] == ["WMI remote execution"]


def test_the_palette_offers_what_one_may_do(world):
    assert found(world, "analyst", "declare")["Do"] == ["Declare an incident"]
    assert "Do" not in found(world, "viewer", "declare")


def test_the_palette_starts_playbooks(world):
    assert found(world, "analyst", "start wmi")["Do"] == ["Start WMI lateral movement"]


def test_the_palette_finds_nothing_of_another_tenant(world):
    world.receive()
    assert found(worlds.world("other"), "analyst", "ws-7") == {}


def test_an_auditors_palette_finds_no_records(world):
    world.receive()
    assert found(world, "auditor", "ws-7") == {}


def test_the_palette_asks_few_queries(world, django_assert_max_num_queries):
    world.receive()
    client = world.as_("analyst")
    with django_assert_max_num_queries(8):
        client.get("/admin/palette?q=ws-7")


def test_somebody_in_two_tenants_chooses_where_they_look(world):
    other = worlds.world("other")
    memberships.grant(user=world.people["lead"], tenant=other.tenant, role=Role.LEAD, actor=SETUP, now=NOW)
    world.receive()
    client = world.as_("lead")
    assert b"All tenants" in client.get("/admin/now/approvals").content
    client.post("/admin/place", {"tenant": "other", "environment": ""})
    assert b"Isolate host ws-7" not in client.get("/admin/now/approvals").content


def test_a_tenant_that_one_is_no_member_of_cannot_be_chosen(world):
    worlds.world("other")
    client = world.as_("lead")
    client.post("/admin/place", {"tenant": "other"})
    assert b"Acme / Production" in client.get("/admin/now/approvals").content


def test_an_environment_narrows_what_is_listed(world):
    Environment.objects.create(tenant=world.tenant, slug="lab", name="Lab", kind="lab")
    world.receive()
    client = world.as_("lead")
    client.post("/admin/place", {"tenant": "acme", "environment": "lab"})
    assert b"Isolate host ws-7" not in client.get("/admin/now/approvals").content


def test_a_playbook_whose_runs_all_still_run_has_no_success_yet(world):
    world.receive()
    assert world.execution().completed_at is None
    assert world.page("viewer", "playbooks").status_code == 200
