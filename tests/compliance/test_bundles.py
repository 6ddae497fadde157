"""Sealing, superseding, exporting, and verifying in place."""

import base64
import csv
import datetime as dt
import hashlib
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from audit.selectors import entries
from compliance.choices import BundleStatus, Verdict
from compliance.models import EvidenceBundle
from compliance.services import bundles, controls, evidence
from compliance.spec import verify_pack
from core import blobs, signing
from core.errors import TooLarge
from tests.compliance import worlds
from tests.compliance.worlds import DAY, ENGINE, NOW


@pytest.fixture
def bundle(world: worlds.World) -> EvidenceBundle:
    worlds.mapped(world)
    return worlds.sealed(world)


def exported(bundle: EvidenceBundle) -> bytes:
    return b"".join(bundles.export(bundle_id=bundle.pk, actor=ENGINE, now=NOW).chunks)


def files_of(bundle: EvidenceBundle) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(exported(bundle))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def records(bundle: EvidenceBundle, name: str) -> list[Any]:
    return [json.loads(line) for line in files_of(bundle)[f"records/{name}.jsonl"].splitlines()]


def by_hand(world: worlds.World, **more: Any) -> EvidenceBundle:
    given = {"title": "Review", "controls": [world.control], "period_from": NOW - DAY, "period_until": NOW, **more}
    return bundles.create(tenant=world.tenant, actor=world.officer.actor(), now=NOW, **given)


def test_the_same_bundle_gives_the_same_bytes(bundle: EvidenceBundle) -> None:
    assert exported(bundle) == exported(bundle)


def test_exporting_later_gives_the_same_bytes_whatever_was_changed_since(world: worlds.World, bundle: EvidenceBundle) -> None:
    before = exported(bundle)
    controls.change(control=world.control, freshness_days=1, actor=ENGINE, now=NOW)
    bundle.execution.steps.update(output={})

    assert exported(bundle) == before


def test_the_size_is_known_before_the_first_byte(bundle: EvidenceBundle) -> None:
    assert bundles.export(bundle_id=bundle.pk, actor=ENGINE, now=NOW).size == len(exported(bundle))


def test_the_zip_is_sorted_and_uncompressed_with_fixed_times(bundle: EvidenceBundle) -> None:
    with zipfile.ZipFile(io.BytesIO(exported(bundle))) as archive:
        members = archive.infolist()

    assert [member.filename for member in members] == sorted(member.filename for member in members)
    assert {(member.compress_type, member.date_time) for member in members} == {(zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0))}


def test_the_manifest_names_every_other_file_with_its_hash(bundle: EvidenceBundle) -> None:
    files = files_of(bundle)

    listed = {item["path"]: item["sha256"] for item in json.loads(files["manifest.json"])["files"]}
    others = set(files) - {"manifest.json", "attestations/manifest.dsse.json"}
    assert listed == {name: hashlib.sha256(files[name]).hexdigest() for name in others}


def test_the_manifest_says_what_it_is_about(world: worlds.World, bundle: EvidenceBundle) -> None:
    manifest = json.loads(files_of(bundle)["manifest.json"])

    assert manifest["scope"]["tenant"] == world.tenant.slug
    assert (manifest["scope"]["controls"], manifest["scope"]["playbook"]) == (["c-1"], "contain")
    assert manifest["counts"]["by_kind"]["approval"] == 1
    assert manifest["omissions"]


def test_any_dsse_verifier_accepts_the_signature(bundle: EvidenceBundle) -> None:
    envelope = json.loads(files_of(bundle)["attestations/manifest.dsse.json"])
    payload = base64.b64decode(envelope["payload"])
    signature = signing.Signature(envelope["signatures"][0]["keyid"], envelope["signatures"][0]["sig"])
    kind = envelope["payloadType"]
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)

    assert signing.verify(message, signature, signing.public_keys())
    assert json.loads(payload)["subject"] == [{"name": "manifest.json", "digest": {"sha256": bundle.manifest_sha256}}]


def test_packs_of_a_tenant_form_a_chain(world: worlds.World, bundle: EvidenceBundle) -> None:
    second = worlds.sealed(world, NOW + DAY)

    assert (bundle.previous_digest, second.previous_digest) == ("", bundle.manifest_sha256)
    assert json.loads(files_of(second)["manifest.json"])["previous"] == bundle.manifest_sha256


def test_no_cell_of_the_index_is_a_formula(world: worlds.World) -> None:
    row = by_hand(world)
    for name in ("=1+1", "+1", "-1", "@x", "\t=1", "plain"):
        bundles.attach(bundle=row, name=name, content=name.encode(), media_type="text/plain", actor=ENGINE, now=NOW)
    bundles.seal(bundle_id=row.pk, actor=ENGINE, now=NOW)

    cells = [line["name"] for line in csv.DictReader(io.StringIO(files_of(row)["index.csv"].decode()))]

    assert cells == ["'=1+1", "'+1", "'-1", "'@x", "'\t=1", "plain"]


def test_the_summary_escapes_and_reaches_for_nothing(world: worlds.World) -> None:
    row = by_hand(world, title="<script>alert(1)</script>")
    bundles.attach(bundle=row, name="<img src=x>", content=b"x", media_type="text/plain", actor=ENGINE, now=NOW)
    bundles.seal(bundle_id=row.pk, actor=ENGINE, now=NOW)

    page = files_of(row)["summary.html"].decode()

    assert "<script" not in page
    assert "<img" not in page
    assert "http:" not in page.replace("http-equiv", "")


def test_the_records_say_who_was_mapped_excepted_and_changed(world: worlds.World) -> None:
    worlds.mapped(world, rationale="Contains it.")
    controls.accept_risk(control=world.control, reason="Old", valid_until=NOW + DAY, actor=world.officer.actor(), now=NOW - DAY)
    row = worlds.sealed(world)

    assert [item["rationale"] for item in records(row, "mappings")] == ["Contains it."]
    assert [item["reason"] for item in records(row, "exceptions")] == ["Old"]
    assert {(item["of"], item["by"]) for item in records(row, "history")} >= {("mapping", world.officer.username)}
    assert [item["receipt"]["result"] for item in records(row, "receipts")] == ["b" * 64]
    assert [item["label"] for item in records(row, "controls")] == ["C-1"]


def test_a_sealed_bundle_takes_no_more_evidence(bundle: EvidenceBundle) -> None:
    with pytest.raises(bundles.Sealed):
        bundles.attach(bundle=bundle, name="late", content=b"x", media_type="text/plain", actor=ENGINE, now=NOW)


def test_a_sealed_bundle_is_not_sealed_again(bundle: EvidenceBundle) -> None:
    with pytest.raises(bundles.Sealed):
        bundles.seal(bundle_id=bundle.pk, actor=ENGINE, now=NOW)


def test_an_empty_bundle_is_not_sealed(world: worlds.World) -> None:
    with pytest.raises(bundles.NothingToSeal):
        bundles.seal(bundle_id=by_hand(world).pk, actor=ENGINE, now=NOW)


def test_an_open_bundle_is_neither_exported_nor_verified(world: worlds.World) -> None:
    row = by_hand(world)

    with pytest.raises(bundles.NotSealed):
        bundles.export(bundle_id=row.pk, actor=ENGINE, now=NOW)
    with pytest.raises(bundles.NotSealed):
        bundles.verify(bundle=row, actor=ENGINE, now=NOW)


def test_a_correction_is_a_new_bundle_and_the_old_one_still_verifies(bundle: EvidenceBundle) -> None:
    before = exported(bundle)
    new = bundles.supersede(bundle_id=bundle.pk, title="Corrected", actor=ENGINE, now=NOW)
    bundles.seal(bundle_id=new.pk, actor=ENGINE, now=NOW)
    bundle.refresh_from_db()

    assert bundle.status == BundleStatus.SUPERSEDED
    assert exported(bundle) == before
    assert bundles.verify(bundle=bundle, actor=ENGINE, now=NOW).verdict == Verdict.VERIFIED
    with pytest.raises(bundles.AlreadySuperseded):
        bundles.supersede(bundle_id=bundle.pk, title="", actor=ENGINE, now=NOW)


def test_the_correction_carries_the_evidence_and_verifies(bundle: EvidenceBundle) -> None:
    new = bundles.supersede(bundle_id=bundle.pk, title="", actor=ENGINE, now=NOW)
    new = bundles.seal(bundle_id=new.pk, actor=ENGINE, now=NOW)

    found = bundles.verify(bundle=new, actor=ENGINE, now=NOW)

    assert (found.verdict, found.checked["approvals"]) == (Verdict.VERIFIED, 1)
    assert set(new.artifacts.values_list("sha256", flat=True)) == set(bundle.artifacts.values_list("sha256", flat=True))


@pytest.mark.parametrize("change", [{"period_until": NOW - 2 * DAY}])
def test_a_period_does_not_end_before_it_starts(world: worlds.World, change: dict[str, dt.datetime]) -> None:
    with pytest.raises(bundles.WrongPeriod):
        by_hand(world, **change)


def test_controls_of_another_tenant_are_refused(world: worlds.World) -> None:
    with pytest.raises(bundles.WrongControls):
        by_hand(world, controls=[worlds.world().control])


def test_a_file_that_is_too_large_is_refused(world: worlds.World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MAX_FILE", 3)

    with pytest.raises(TooLarge):
        bundles.attach(bundle=by_hand(world), name="big", content=b"four", media_type="text/plain", actor=ENGINE, now=NOW)


def test_every_look_is_journaled(bundle: EvidenceBundle) -> None:
    exported(bundle)
    bundles.verify(bundle=bundle, actor=ENGINE, now=NOW)

    kinds = [entry.kind for entry in entries.of_stream(f"bundle:{bundle.pk}")]
    assert kinds == ["bundle:captured", "bundle:sealed", "bundle:exported", "bundle:verified"]


def test_it_verifies_in_place(bundle: EvidenceBundle) -> None:
    found = bundles.verify(bundle=bundle, actor=ENGINE, now=NOW)

    assert (found.verdict, found.findings) == (Verdict.VERIFIED, [])


def test_it_finds_a_changed_blob_in_place(bundle: EvidenceBundle) -> None:
    sha256 = bundle.artifacts.order_by("id")[0].sha256
    blobs.path(sha256).write_bytes(b"changed")

    found = bundles.verify(bundle=bundle, actor=ENGINE, now=NOW)

    assert (found.verdict, found.findings[0]["where"]) == (Verdict.TAMPERED, f"objects/{sha256}")


def test_it_finds_a_missing_blob_in_place_and_does_not_export_without_it(bundle: EvidenceBundle) -> None:
    blobs.path(bundle.artifacts.order_by("id")[0].sha256).unlink()

    assert bundles.verify(bundle=bundle, actor=ENGINE, now=NOW).verdict == Verdict.MISSING
    with pytest.raises(bundles.PackIncomplete):
        bundles.export(bundle_id=bundle.pk, actor=ENGINE, now=NOW)


def test_it_finds_a_row_that_points_at_another_pack(world: worlds.World, bundle: EvidenceBundle) -> None:
    other = worlds.sealed(world, NOW + DAY)
    bundle.files, bundle.manifest_sha256, bundle.envelope = other.files, other.manifest_sha256, other.envelope

    found = bundles.verify(bundle=bundle, actor=ENGINE, now=NOW)

    assert (found.verdict, found.findings[0]["where"]) == (Verdict.TAMPERED, "manifest.json")


@pytest.mark.parametrize("change", [{"envelope": None}, {"manifest_sha256": "x"}, {"files": [{"path": "a", "sha256": "b"}]}])
def test_it_answers_for_a_row_that_was_broken(bundle: EvidenceBundle, change: dict[str, Any]) -> None:
    for name, value in change.items():
        setattr(bundle, name, value)

    assert bundles.verify(bundle=bundle, actor=ENGINE, now=NOW).verdict != Verdict.VERIFIED


def test_a_rotated_key_still_verifies_what_the_old_one_signed(world: worlds.World, bundle: EvidenceBundle) -> None:
    signing.generate(NOW + DAY)
    second = worlds.sealed(world, NOW + DAY)

    assert len(signing.public_keys()) == 2
    assert bundles.verify(bundle=bundle, actor=ENGINE, now=NOW).verdict == Verdict.VERIFIED
    assert bundles.verify(bundle=second, actor=ENGINE, now=NOW).verdict == Verdict.VERIFIED


def test_a_large_pack_streams_in_flat_memory(world: worlds.World) -> None:
    row = by_hand(world)
    for at in range(4):
        part = (bytes([at]) * (1 << 20) for _ in range(10))
        bundles.attach(bundle=row, name=f"{at}", content=part, media_type="text/plain", actor=ENGINE, now=NOW)
    bundles.seal(bundle_id=row.pk, actor=ENGINE, now=NOW)

    tracemalloc.start()
    size = sum(len(chunk) for chunk in bundles.export(bundle_id=row.pk, actor=ENGINE, now=NOW).chunks)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert size > 40 << 20
    assert peak < 4 << 20


def test_evidence_that_changed_while_sealing_is_not_sealed(world: worlds.World, monkeypatch: pytest.MonkeyPatch) -> None:
    worlds.mapped(world)
    row = evidence.capture(execution_id=worlds.execution(world).pk, actor=ENGINE, now=NOW)
    assert row is not None
    render = bundles.packs.render

    def meanwhile(*given: Any) -> Any:
        bundles.attach(bundle=row, name="late", content=b"x", media_type="text/plain", actor=ENGINE, now=NOW)
        return render(*given)

    monkeypatch.setattr(bundles.packs, "render", meanwhile)
    with pytest.raises(bundles.ChangedMeanwhile):
        bundles.seal(bundle_id=row.pk, actor=ENGINE, now=NOW)


def test_the_readme_and_the_verifier_travel_with_it(bundle: EvidenceBundle) -> None:
    files = files_of(bundle)

    assert b"python verify.py PACK --key KEY" in files["README.txt"]
    assert files["verify.py"] == Path(verify_pack.__file__).read_bytes()
