"""Compliance over REST."""

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from drf_spectacular import drainage
from drf_spectacular.generators import SchemaGenerator

from accounts.choices import Role
from audit.selectors import entries
from compliance.api.urls import routes
from compliance.models import EvidenceBundle
from compliance.services import mappings
from compliance.spec import verify_pack
from core import signing
from tests import factories
from tests.compliance import worlds
from tests.compliance.worlds import DAY, ENGINE, NOW

pytestmark = pytest.mark.urls("tests.compliance.urls")
BUNDLES = "/api/v1/evidence-bundles"


def as_user(user: Any) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def officer(world: worlds.World) -> Client:
    return as_user(world.officer)


@pytest.fixture
def auditor(world: worlds.World) -> Client:
    return as_user(factories.user(Role.AUDITOR, world.tenant))


@pytest.fixture
def bundle(world: worlds.World) -> EvidenceBundle:
    worlds.mapped(world)
    return worlds.sealed(world)


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(path, json.dumps(body or {}), content_type="application/json")


def test_every_action_has_its_permission() -> None:
    for _, viewset, _ in routes:
        actions = {action.__name__ for action in viewset.get_extra_actions()}
        actions |= {name for action in viewset.get_extra_actions() for name in action.mapping.values()}
        actions |= {name for name in ("list", "retrieve", "create", "partial_update", "destroy") if hasattr(viewset, name)}
        assert actions <= set(viewset.permissions), viewset


def test_an_auditor_downloads_a_pack_that_verifies(auditor: Client, bundle: EvidenceBundle, tmp_path: Path) -> None:
    answer = auditor.get(f"{BUNDLES}/{bundle.pk}/export", headers={"accept": "application/zip"})
    content = b"".join(answer.streaming_content)
    (tmp_path / "pack.zip").write_bytes(content)
    key = base64.b64decode(auditor.get("/.well-known/runbookpilot/keys.json").json()["keys"][0]["public"])

    assert (answer.status_code, answer["Content-Type"], answer["Content-Length"]) == (200, "application/zip", str(len(content)))
    assert verify_pack.verify(str(tmp_path / "pack.zip"), [key]).verdict == "VERIFIED"


def test_a_pack_streams_under_asgi(world: worlds.World, bundle: EvidenceBundle) -> None:
    async def download() -> bytes:
        client = AsyncClient()
        await client.aforce_login(world.officer, backend="django.contrib.auth.backends.ModelBackend")
        answer = await client.get(f"{BUNDLES}/{bundle.pk}/export")
        return b"".join([chunk async for chunk in answer.streaming_content])

    content = async_to_sync(download)()

    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None


def test_exporting_names_who_did_it_in_the_journal(world: worlds.World, officer: Client, bundle: EvidenceBundle) -> None:
    officer.get(f"{BUNDLES}/{bundle.pk}/export")

    last = entries.of_stream(f"bundle:{bundle.pk}")[-1]
    assert (last.kind, last.actor_name) == ("bundle:exported", world.officer.username)


def test_a_bundle_is_verified_on_request(auditor: Client, bundle: EvidenceBundle) -> None:
    answer = post(auditor, f"{BUNDLES}/{bundle.pk}/verify").json()

    assert (answer["verdict"], answer["exit_code"], answer["findings"]) == ("VERIFIED", 0, [])


def test_an_open_bundle_is_not_exported(world: worlds.World, officer: Client) -> None:
    worlds.mapped(world)
    made = post(officer, BUNDLES, {"execution": str(worlds.execution(world).pk)}).json()

    answer = officer.get(f"{BUNDLES}/{made['id']}/export", headers={"accept": "application/zip"})

    assert (answer.status_code, answer.json()["code"]) == (409, "not_sealed")


def test_a_pack_is_made_sealed_and_read(world: worlds.World, officer: Client) -> None:
    worlds.mapped(world)
    made = post(officer, BUNDLES, {"execution": str(worlds.execution(world).pk)})
    sealed = post(officer, f"{BUNDLES}/{made.json()['id']}/seal")

    assert (made.status_code, made.json()["status"], sealed.json()["status"]) == (201, "open", "sealed")
    assert sealed.json()["controls"][0]["identifier"] == "c-1"
    assert len(officer.get(f"{BUNDLES}/{made.json()['id']}/artifacts").json()["results"]) == sealed.json()["artifacts"] == 7


def test_an_execution_that_proves_nothing_is_refused(world: worlds.World, officer: Client) -> None:
    answer = post(officer, BUNDLES, {"execution": str(worlds.execution(world).pk)})

    assert (answer.status_code, answer.json()["code"]) == (409, "not_evidence")


def test_people_fill_a_bundle_by_hand(world: worlds.World, officer: Client) -> None:
    period = {"period_from": "2026-01-01T00:00:00Z", "period_until": "2026-03-31T00:00:00Z"}
    made = post(officer, BUNDLES, {"title": "Review", "controls": [str(world.control.pk)], **period}).json()
    content = base64.b64encode(b"signed").decode()

    attached = post(officer, f"{BUNDLES}/{made['id']}/artifacts", {"name": "minutes.txt", "content": content})

    assert (attached.status_code, attached.json()["size"]) == (201, 6)
    assert post(officer, f"{BUNDLES}/{made['id']}/artifacts", {"name": "x", "content": "%%"}).json()["code"] == "not_base64"
    assert post(officer, f"{BUNDLES}/{made['id']}/seal").status_code == 200


def test_a_bundle_needs_an_execution_or_a_scope(officer: Client) -> None:
    assert post(officer, BUNDLES, {"title": "Review"}).status_code == 400


def test_a_correction_supersedes(officer: Client, bundle: EvidenceBundle) -> None:
    new = post(officer, f"{BUNDLES}/{bundle.pk}/supersede", {"title": "Corrected"}).json()
    post(officer, f"{BUNDLES}/{new['id']}/seal")

    old = officer.get(f"{BUNDLES}/{bundle.pk}").json()
    assert (old["status"], old["superseded_by"], new["supersedes"]) == ("superseded", new["id"], str(bundle.pk))


@pytest.mark.parametrize("path", ["", "/{id}", "/{id}/export", "/{id}/artifacts"])
def test_nobody_reads_without_logging_in(bundle: EvidenceBundle, path: str) -> None:
    assert Client().get(BUNDLES + path.format(id=bundle.pk)).status_code in {401, 403}


@pytest.mark.parametrize("verb", ["seal", "verify", "supersede", "artifacts"])
def test_another_tenants_bundle_is_not_there(bundle: EvidenceBundle, verb: str) -> None:
    stranger = as_user(worlds.world().officer)

    assert post(stranger, f"{BUNDLES}/{bundle.pk}/{verb}").status_code == 404
    assert stranger.get(f"{BUNDLES}/{bundle.pk}/export").status_code == 404


@pytest.mark.parametrize("verb", ["seal", "supersede", "artifacts"])
def test_an_auditor_changes_nothing(auditor: Client, bundle: EvidenceBundle, verb: str) -> None:
    assert post(auditor, f"{BUNDLES}/{bundle.pk}/{verb}").status_code == 403
    assert post(auditor, BUNDLES, {"execution": str(bundle.execution_id)}).status_code == 403
    assert post(auditor, "/api/v1/frameworks?slug=x").status_code == 403


def test_evidence_of_a_control_in_a_quarter_is_one_request(world: worlds.World, auditor: Client, bundle: EvidenceBundle) -> None:
    worlds.sealed(world, NOW - 200 * DAY)

    found = auditor.get(f"{BUNDLES}?identifier=c-1&since=2026-01-01T00:00:00Z&until=2026-04-01T00:00:00Z").json()

    assert [row["id"] for row in found["results"]] == [str(bundle.pk)]


@pytest.mark.parametrize("path", ["/api/v1/frameworks", "/api/v1/controls", BUNDLES])
def test_no_list_asks_the_database_more_often_as_it_grows(world: worlds.World, auditor: Client, path: str) -> None:
    for control in world.framework.controls.all():
        mappings.add(control=control, playbook=world.playbook, actor=ENGINE, now=NOW)
    worlds.sealed(world, NOW)
    few = queries(auditor, path)
    for day in range(1, 4):
        worlds.sealed(world, NOW + day * DAY)
        worlds.frameworks.import_oscal(
            tenant=world.tenant, content=worlds.catalogue(5, f"v{day}"), slug="test", actor=ENGINE, now=NOW
        )

    assert queries(auditor, path) == few <= 8


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(path).status_code == 200
    return len(captured)


def test_coverage_tells_the_state_the_reasons_and_the_gaps(world: worlds.World, auditor: Client, bundle: EvidenceBundle) -> None:
    answer = auditor.get(f"/api/v1/controls/coverage?framework=test&tenant={world.tenant.slug}&as_of=2026-03-05").json()

    assert answer["summary"] == {"covered": 1, "uncovered": 2}
    first = answer["results"][0]
    assert (first["state"], first["newest"]["bundle"], first["playbooks"]) == ("covered", str(bundle.pk), ["contain"])
    assert len(answer["gaps"]) == 2


def test_coverage_of_a_past_date_is_as_it_was(auditor: Client, bundle: EvidenceBundle) -> None:
    answer = auditor.get("/api/v1/controls/coverage?framework=test&as_of=2026-03-01T00:00:00Z").json()

    assert answer["summary"] == {"uncovered": 3}


@pytest.mark.parametrize(
    ("query", "code"),
    [("framework=none", "not_found"), ("framework=test&as_of=soon", "wrong_moment"), ("framework=test&environment=none", "not_found")],
)
def test_coverage_says_what_is_wrong_with_the_question(auditor: Client, query: str, code: str) -> None:
    assert auditor.get(f"/api/v1/controls/coverage?{query}").json()["code"] == code


def test_a_catalogue_is_imported(officer: Client) -> None:
    made = officer.post("/api/v1/frameworks?slug=more", worlds.catalogue(7), content_type="application/json")

    assert (made.status_code, made.json()["controls"]) == (201, 7)
    csv = officer.post("/api/v1/frameworks?slug=soc2&name=SOC", b"identifier,title\nCC1,One\n", content_type="text/csv")
    assert (csv.status_code, csv.json()["name"]) == (201, "SOC")


def test_a_broken_catalogue_is_refused_with_its_place(officer: Client) -> None:
    answer = officer.post("/api/v1/frameworks?slug=more", b'{"catalog":{"metadata":[]}}', content_type="application/json")

    assert (answer.status_code, answer.json()["code"]) == (400, "unreadable_catalogue")
    assert "catalog.metadata" in answer.json()["detail"]
    assert officer.post("/api/v1/frameworks?slug=a/b", b"{}", content_type="application/json").json()["code"] == "slug_needed"


def test_a_control_is_changed_mapped_and_excepted(world: worlds.World, officer: Client) -> None:
    path = f"/api/v1/controls/{world.control.pk}"
    changed = officer.patch(path, json.dumps({"freshness_days": 30, "owner": world.officer.username}), content_type="application/json")
    mapped = post(officer, f"{path}/mappings", {"playbook": "contain", "selector": {"steps": ["isolate"]}})
    excepted = post(officer, f"{path}/exceptions", {"reason": "Old", "valid_until": "2099-01-01T00:00:00Z"})

    assert (changed.json()["freshness_days"], changed.json()["owner"]) == (30, world.officer.username)
    assert (mapped.status_code, excepted.status_code) == (201, 201)
    assert [row["playbook"] for row in officer.get(f"{path}/mappings").json()["results"]] == ["contain"]


def test_another_tenants_playbook_is_not_mapped(world: worlds.World, officer: Client) -> None:
    worlds.playbook_of(worlds.world().tenant, "theirs")

    answer = post(officer, f"/api/v1/controls/{world.control.pk}/mappings", {"playbook": "theirs"})

    assert answer.status_code == 404


def test_the_public_keys_need_no_login(bundle: EvidenceBundle) -> None:
    answer = Client().get("/.well-known/runbookpilot/keys.json")

    assert answer.json()["keys"] == [key.to_dict() for key in signing.public_keys()]
    assert "private" not in answer.content.decode()


def test_its_schema_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    drainage.reset_generator_stats()
    schema = SchemaGenerator(urlconf="tests.compliance.urls").get_schema(request=None, public=True)

    assert "/api/v1/evidence-bundles/{id}/export" in schema["paths"]
    warnings = [line for line in capsys.readouterr().err.splitlines() if "authenticator" not in line]
    assert warnings == []


@pytest.mark.parametrize("path", ["/api/v1/frameworks", "/api/v1/controls", BUNDLES])
def test_lists_are_of_one_tenant_where_one_is_named(world: worlds.World, path: str) -> None:
    worlds.mapped(world)
    worlds.sealed(world)
    other = worlds.world()
    factories.memberships.grant(user=world.officer, tenant=other.tenant, role=Role.VIEWER, actor=factories.SETUP, now=NOW)
    client = as_user(world.officer)

    for name in (world.tenant.slug, world.tenant.pk):
        found = client.get(f"{path}?tenant={name}").json()["results"]
        assert {row["tenant"] for row in found} == {world.tenant.slug}


@pytest.mark.urls("runbookpilot.urls")
def test_the_public_keys_are_at_their_well_known_address(db: None) -> None:
    assert Client().get("/.well-known/runbookpilot/keys.json").json() == {"keys": []}
