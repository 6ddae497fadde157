"""From an alert to a pack that proves what was done: captured, sealed, exported, and verified by a Python that knows nothing of us."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from accounts.choices import Role
from accounts.models import Tenant
from adapters import instances, registry
from adapters.models import AdapterInstance, MockScript
from compliance import tasks
from compliance.models import Control
from compliance.services import frameworks
from compliance.spec import verify_pack
from core import canonical
from core.paths import LIBRARY
from playbooks_app.services import playbooks
from tests import factories
from tests.compliance.forging import Files, files_of, resealed, zipped
from tests.factories import NOW, SETUP
from tests.flows.test_story import ALERT, Caller, started, steps

pytestmark = pytest.mark.django_db(transaction=True)

APPROVALS, CALLS, RECEIPTS, ENTRIES = verify_pack.APPROVALS, verify_pack.CALLS, verify_pack.RECEIPTS, verify_pack.ENTRIES
BEACON = {**ALERT, "event": {"id": "c2"}, "threat": {"technique": [{"id": "T1071.001"}]}, "destination": {"ip": "203.0.113.9"}}
LSASS = {**ALERT, "event": {"id": "lsass"}, "threat": {"technique": [{"id": "T1003.001"}]}}
SWEEP = """
apiVersion: runbookpilot/v1
metadata: {id: sweep, name: Sweep, version: 1.0.0}
level: L1
triggers: [{source: any, technique: T1570}]
approval_policy: {approvers: [lead], quorum: 1}
steps:
  - id: isolate
    action: edr.isolate_host
    for_each: [ws-1, ws-2]
    as: host
    with: {host: "{{ host }}"}
"""
Record = dict[str, Any]


@pytest.fixture
def tenant() -> Tenant:
    row = factories.tenant("acme", max_level="L2", l2_enabled=True)
    for name in sorted(registry.adapters()):
        if name.startswith("mock-"):
            instances.create(environment=factories.environment(row), adapter=name, name=name, actor=SETUP, now=NOW)
    activate_library(row, LIBRARY)
    frameworks.import_oscal(tenant=row, content=frameworks.starter_catalog(), slug="nist-800-53", actor=SETUP, now=NOW)
    return row


@pytest.fixture
def analyst(tenant: Tenant) -> Caller:
    return Caller(tenant, Role.ANALYST, "analyst")


@pytest.fixture
def lead(tenant: Tenant) -> Caller:
    return Caller(tenant, Role.LEAD, "lead")


@pytest.fixture
def officer(tenant: Tenant) -> Caller:
    """A compliance officer who has mapped every playbook of the library to incident handling."""
    caller = Caller(tenant, Role.COMPLIANCE_OFFICER, "officer")
    for slug in ("wmi-lateral-movement", "cobalt-strike-c2", "lsass-credential-dumping"):
        map_to_incident_handling(caller, slug)
    return caller


def activate_library(tenant: Tenant, folder: Path) -> None:
    author, reviewer = factories.user(Role.LEAD, tenant), factories.user(Role.LEAD, tenant)
    for version in playbooks.load_library(tenant=tenant, actor=author.actor(), now=NOW, folder=folder):
        playbooks.activate(version=version, actor=reviewer.actor(), now=NOW)


def map_to_incident_handling(officer: Caller, slug: str) -> None:
    answer = officer.post(f"controls/{Control.objects.get(identifier__iexact='ir-4').pk}/mappings", {"playbook": slug})
    assert answer.status_code == 201, answer.content


def approve(item: Record, *people: Caller) -> None:
    for person in people:
        assert person.decide("approve", item).status_code == 200


def exported(officer: Caller, path: Path) -> Path:
    """The pack of the one bundle, as the officer gets it."""
    (bundle,) = officer.get("evidence-bundles").json()["results"]
    assert bundle["status"] == "sealed"
    answer = officer.get(f"evidence-bundles/{bundle['id']}/export")
    assert answer.status_code == 200, answer
    path.write_bytes(b"".join(answer.streaming_content))
    return path


@pytest.fixture
def pack(analyst: Caller, lead: Caller, officer: Caller, tmp_path: Path) -> Path:
    """The pack of a host that two people let be isolated."""
    started(analyst)
    approve(analyst.pending()[0], analyst, lead)
    return exported(officer, tmp_path / "pack.zip")


def published_key() -> str:
    return str(Client().get("/.well-known/runbookpilot/keys.json").json()["keys"][-1]["public"])


def verified(pack: Path, key: str = "") -> tuple[int, Record]:
    """What the pack's own verifier says, run alone: no project, no packages, another folder."""
    alone = pack.parent / "alone"
    alone.mkdir(exist_ok=True)
    (alone / "verify.py").write_bytes(files_of(pack)["verify.py"])
    command = [sys.executable, "-I", "-S", "verify.py", str(pack), "--key", key or published_key(), "--json"]
    done = subprocess.run(command, cwd=alone, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def lines(files: Files, name: str) -> list[Record]:
    return [json.loads(line) for line in files[name].splitlines()]


def results(files: Files) -> dict[str, Record]:
    """The result documents by step."""
    named = [content for name, content in files.items() if name.startswith("objects/") and b'"built_on_simulated"' in content]
    return {item["step"]: item for item in map(json.loads, named)}


def test_a_contained_host_leaves_a_pack_that_anyone_can_verify(pack: Path) -> None:
    code, answer = verified(pack)
    assert (code, answer["verdict"], answer["findings"]) == (0, "VERIFIED", [])
    assert {name: answer["checked"][name] for name in ("approvals", "receipts")} == {"approvals": 1, "receipts": 1}


def test_it_says_verified_to_people_too(pack: Path) -> None:
    (pack.parent / "verify.py").write_bytes(files_of(pack)["verify.py"])
    command = [sys.executable, "-I", "-S", str(pack.parent / "verify.py"), str(pack), "--key", published_key()]
    done = subprocess.run(command, cwd=pack.parent, env={}, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[0] == "VERIFIED"


def test_a_verification_in_place_agrees(pack: Path, officer: Caller) -> None:
    (bundle,) = officer.get("evidence-bundles").json()["results"]
    answer = officer.post(f"evidence-bundles/{bundle['id']}/verify", {}).json()
    assert (answer["verdict"], answer["findings"]) == ("VERIFIED", [])


def test_every_real_write_in_the_pack_is_tied_to_its_consent(pack: Path) -> None:
    files = files_of(pack)
    (approval,), (receipt,) = lines(files, APPROVALS), lines(files, RECEIPTS)
    isolation = next(call for call in lines(files, CALLS) if call["action"] == "edr.isolate_host")
    assert isolation["approval"] == receipt["approval"] == approval["id"]
    assert receipt["receipt"]["result_sha256"] == isolation["result_digest"]
    assert {decision["by"] for decision in approval["decisions"]} == {"analyst", "lead"}


def test_what_is_left_out_is_said_with_its_reason(pack: Path) -> None:
    manifest = json.loads(files_of(pack)[verify_pack.MANIFEST])
    assert {"parameters and outputs of calls", "the alert as received"} <= {item["what"] for item in manifest["omissions"]}
    assert all(item["why"] for item in manifest["omissions"])


def test_a_changed_byte_in_any_file_is_found_and_the_file_named(pack: Path, tmp_path: Path) -> None:
    files, trusted = files_of(pack), [base64.b64decode(published_key())]
    for name, content in files.items():
        middle = len(content) // 2
        changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :] if content else b"x"
        report = verify_pack.verify(str(zipped({**files, name: changed}, tmp_path / "changed.zip")), trusted)
        assert (report.verdict, report.to_dict()["findings"][0]["where"]) == ("TAMPERED", name)


def test_a_changed_digest_in_the_manifest_blames_the_manifest(pack: Path, tmp_path: Path) -> None:
    files, trusted = files_of(pack), [base64.b64decode(published_key())]
    content = files["manifest.json"]
    at = content.index(b'"sha256":"') + len(b'"sha256":"')
    changed = content[:at] + (b"0" if content[at : at + 1] != b"0" else b"1") + content[at + 1 :]
    report = verify_pack.verify(str(zipped({**files, "manifest.json": changed}, tmp_path / "changed.zip")), trusted)
    assert (report.verdict, report.to_dict()["findings"][0]["where"]) == ("TAMPERED", "manifest.json")


def forged(pack: Path, name: str, change: Callable[[list[Record]], None]) -> tuple[str, list[Record]]:
    """What is found where whoever holds the signing key changed the records of a file and sealed the pack anew."""
    files, forger = files_of(pack), Ed25519PrivateKey.generate()
    records = lines(files, name)
    change(records)
    files[name] = b"".join(canonical.dumps(record) + b"\n" for record in records)
    path = zipped(resealed(files, forger), pack.parent / "forged.zip")
    report = verify_pack.verify(str(path), [forger.public_key().public_bytes_raw()])
    return report.verdict, report.to_dict()["findings"]


def at(path: str, value: object) -> Callable[[list[Record]], None]:
    """Return what puts a value into the record that is about the isolation."""
    *way, last = path.split(".")

    def change(records: list[Record]) -> None:
        place: Any = next((item for item in records if item.get("action") == "edr.isolate_host"), records[0])
        for part in way:
            place = place[int(part) if part.isdigit() else part]
        place[int(last) if last.isdigit() else last] = value

    return change


def without(action: str = "") -> Callable[[list[Record]], None]:
    def change(records: list[Record]) -> None:
        records[:] = [item for item in records if action and item.get("action") != action]

    return change


def twice(records: list[Record]) -> None:
    records.append(records[0])


def invented(records: list[Record]) -> None:
    records.append({**records[-1], "id": "0" * 32, "approval": None})


ZEROS = "0" * 64


@pytest.mark.parametrize(
    ("name", "change", "verdict"),
    [
        (APPROVALS, at("document.call.params.host", "dc-1"), "STALE_APPROVAL"),
        (APPROVALS, at("document.call.action", "edr.unisolate_host"), "STALE_APPROVAL"),
        (APPROVALS, at("document.call.undo", None), "STALE_APPROVAL"),
        (APPROVALS, at("document.call.config_digest", ZEROS), "STALE_APPROVAL"),
        (APPROVALS, at("document.shown.confidence", 0.99), "STALE_APPROVAL"),
        (APPROVALS, at("document.shown.impact.risk", 1), "STALE_APPROVAL"),
        (APPROVALS, at("digest", ZEROS), "STALE_APPROVAL"),
        (APPROVALS, at("call_digest", ZEROS), "STALE_APPROVAL"),
        (APPROVALS, at("decisions.0.digest", ZEROS), "TAMPERED"),
        (APPROVALS, at("decisions.0.by", "mallory"), "TAMPERED"),
        (APPROVALS, at("decisions.1.verdict", "reject"), "TAMPERED"),
        (APPROVALS, at("decisions", []), "TAMPERED"),
        (APPROVALS, at("quorum", 3), "STALE_APPROVAL"),
        (APPROVALS, at("id", "other"), "MISSING"),
        (APPROVALS, without(), "MISSING"),
        (APPROVALS, twice, "TAMPERED"),
        (CALLS, at("params_digest", ZEROS), "STALE_APPROVAL"),
        (CALLS, at("action", "edr.unisolate_host"), "STALE_APPROVAL"),
        (CALLS, at("adapter", "other"), "STALE_APPROVAL"),
        (CALLS, at("adapter_version", "9"), "STALE_APPROVAL"),
        (CALLS, at("instance", "other"), "STALE_APPROVAL"),
        (CALLS, at("live", True), "STALE_APPROVAL"),
        (CALLS, at("step", "notify"), "STALE_APPROVAL"),
        (CALLS, at("result_digest", ZEROS), "TAMPERED"),
        (CALLS, at("approval", ZEROS), "MISSING"),
        (CALLS, at("approval", None), "MISSING"),
        (CALLS, at("id", ZEROS), "TAMPERED"),
        (CALLS, without("edr.isolate_host"), "MISSING"),
        (CALLS, without("edr.get_process_tree"), "MISSING"),
        (CALLS, twice, "TAMPERED"),
        (CALLS, invented, "TAMPERED"),
        (RECEIPTS, without(), "MISSING"),
        (RECEIPTS, at("approval", ZEROS), "MISSING"),
        (RECEIPTS, at("receipt.request", ZEROS), "STALE_APPROVAL"),
        (RECEIPTS, at("receipt.call", ZEROS), "STALE_APPROVAL"),
        (RECEIPTS, at("receipt.deciders.0.by", "mallory"), "STALE_APPROVAL"),
        (RECEIPTS, at("receipt.params_sha256", ZEROS), "TAMPERED"),
        (RECEIPTS, at("receipt.result_sha256", ZEROS), "TAMPERED"),
        (RECEIPTS, at("receipt.adapter", "other"), "TAMPERED"),
        (RECEIPTS, at("receipt.live", True), "TAMPERED"),
        (RECEIPTS, at("receipt.journal.hash", ZEROS), "TAMPERED"),
        (ENTRIES, at("actor.name", "mallory"), "TAMPERED"),
        (ENTRIES, at("hash", ZEROS), "TAMPERED"),
        (ENTRIES, lambda records: records.pop(3), "TAMPERED"),
        (ENTRIES, lambda records: records.reverse(), "TAMPERED"),
    ],
)  # fmt: skip
def test_a_record_that_was_changed_before_sealing_anew_is_found_and_named(
    pack: Path, name: str, change: Callable[[list[Record]], None], verdict: str
) -> None:
    _, findings = forged(pack, name, change)
    assert verdict in {finding["verdict"] for finding in findings}
    assert all(re.split("[: ]", finding["where"])[0] in (APPROVALS, CALLS, RECEIPTS, ENTRIES) for finding in findings)


def test_an_untouched_pack_sealed_anew_holds(pack: Path) -> None:
    assert forged(pack, CALLS, lambda _records: None) == ("VERIFIED", [])


def test_a_queued_write_that_was_run_has_its_consent_and_receipt_in_the_pack(
    analyst: Caller, officer: Caller, tmp_path: Path
) -> None:
    execution = started(analyst, BEACON)
    for item in analyst.pending():
        approve(item, analyst)
    assert steps(analyst, execution)["block"] == "completed"
    officer_pack = _sealed_later(officer, tmp_path)
    assert verified(officer_pack)[1]["verdict"] == "VERIFIED"
    assert len(lines(files_of(officer_pack), RECEIPTS)) == 2


def test_a_bundle_waits_until_queued_writes_are_decided(analyst: Caller, officer: Caller) -> None:
    started(analyst, BEACON)
    (bundle,) = officer.get("evidence-bundles").json()["results"]
    assert bundle["status"] == "open"
    assert officer.post(f"evidence-bundles/{bundle['id']}/seal", {}).status_code == 409


def test_a_rejected_rehearsal_stays_marked_as_simulated(analyst: Caller, officer: Caller, tmp_path: Path) -> None:
    started(analyst, BEACON)
    for item in analyst.pending():
        assert analyst.decide("reject", item, reason="Not needed.").status_code == 200
    pack = _sealed_later(officer, tmp_path)
    files = files_of(pack)
    assert verified(pack)[1]["verdict"] == "VERIFIED"
    assert (results(files)["block"]["mode"], results(files)["notify"]["mode"]) == ("simulated", "real")
    assert b"step block (simulated" in files["index.csv"]
    assert "a real run of step block" in {item["what"] for item in json.loads(files[verify_pack.MANIFEST])["omissions"]}


def test_what_people_did_by_hand_is_marked_and_makes_no_calls(analyst: Caller, officer: Caller, tmp_path: Path) -> None:
    execution = started(analyst, LSASS)
    analyst.send("patch", f"executions/{execution}/steps/tree", {"status": "completed", "output": {"seen": "mimikatz"}})
    analyst.send("patch", f"executions/{execution}/steps/malicious", {"decision": "malicious"})
    for step in ("isolate", "reset", "close"):
        analyst.send("patch", f"executions/{execution}/steps/{step}", {"status": "completed"})
    pack = exported(officer, tmp_path / "pack.zip")
    files = files_of(pack)
    assert verified(pack)[1]["verdict"] == "VERIFIED"
    assert results(files)["isolate"]["mode"] == "manual"
    assert b"step isolate (manual)" in files["index.csv"]
    assert not any(call["purpose"] == "step" for call in lines(files, CALLS))


def test_a_write_that_was_taken_back_is_in_the_pack_with_its_undo(
    analyst: Caller, lead: Caller, officer: Caller, tmp_path: Path
) -> None:
    notify = AdapterInstance.objects.get(name="mock-notify")
    MockScript.objects.create(instance=notify, action="notify.send_slack_message", error="auth")
    started(analyst)
    approve(analyst.pending()[0], analyst, lead)
    pack = exported(officer, tmp_path / "pack.zip")
    assert [call["action"] for call in lines(files_of(pack), CALLS) if call["purpose"] == "undo"] == ["edr.unisolate_host"]
    assert verified(pack)[1]["verdict"] == "VERIFIED"


def test_writes_for_each_item_are_tied_to_the_one_consent_that_covers_them(
    tenant: Tenant, analyst: Caller, lead: Caller, officer: Caller, tmp_path: Path
) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    activate_library(tenant, tmp_path)
    map_to_incident_handling(officer, "sweep")
    started(analyst, {**ALERT, "event": {"id": "sweep"}, "threat": {"technique": [{"id": "T1570"}]}})
    approve(analyst.pending()[0], lead)
    pack = exported(officer, tmp_path / "pack.zip")
    made = [call["approval"] for call in lines(files_of(pack), CALLS) if call["action"] == "edr.isolate_host"]
    assert made == [lines(files_of(pack), APPROVALS)[0]["id"]] * 2
    assert verified(pack)[1]["verdict"] == "VERIFIED"


def _sealed_later(officer: Caller, tmp_path: Path) -> Path:
    """The pack after the periodic work has sealed what waits no more."""
    tasks.seal_due()
    return exported(officer, tmp_path / "pack.zip")
