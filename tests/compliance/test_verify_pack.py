"""An exported pack, verified by the very file that travels in it, in a Python that knows nothing of the project."""

import ast
import base64
import io
import json
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from compliance.models import Artifact
from compliance.services import bundles
from compliance.spec import verify_pack
from core import blobs, canonical, signing
from tests.compliance import worlds
from tests.compliance.forging import files_of, resealed, zipped

VERIFY = Path(verify_pack.__file__)


@pytest.fixture
def pack(world: worlds.World, tmp_path: Path) -> Path:
    worlds.mapped(world)
    return export(worlds.sealed(world), tmp_path / "pack.zip")


def export(bundle: Any, path: Path) -> Path:
    path.write_bytes(b"".join(bundles.export(bundle_id=bundle.pk, actor=worlds.ENGINE, now=worlds.NOW).chunks))
    return path


def key() -> str:
    return signing.public_keys()[-1].key


def run(pack: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, "-I", "-S", str(VERIFY), str(pack), "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, json.loads(done.stdout)


def first_of(answer: dict[str, Any]) -> tuple[str, str]:
    return answer["findings"][0]["verdict"], answer["findings"][0]["where"]


def test_it_verifies_a_pack_with_a_key_that_came_another_way(pack: Path) -> None:
    code, answer = run(pack, "--key", key())

    assert (code, answer["verdict"], answer["findings"], answer["notes"]) == (0, "VERIFIED", [], [])
    assert answer["checked"]["entries"] >= 4
    assert answer["checked"]["approvals"] == answer["checked"]["calls"] == 1


def test_it_does_not_trust_a_key_from_the_pack(pack: Path) -> None:
    code, answer = run(pack)

    assert (code, answer["verdict"]) == (1, "UNTRUSTED_KEY")


@pytest.mark.parametrize("form", ["base64", "pem", "json"])
def test_it_reads_keys_from_files(pack: Path, tmp_path: Path, form: str) -> None:
    der = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(key())
    text = {
        "base64": key() + "\n",
        "pem": f"-----BEGIN PUBLIC KEY-----\n{base64.b64encode(der).decode()}\n-----END PUBLIC KEY-----\n",
        "json": json.dumps({"keys": [item.to_dict() for item in signing.public_keys()]}),
    }[form]
    (tmp_path / "key").write_text(text)

    assert run(pack, "--key", str(tmp_path / "key"))[0] == 0


def test_it_verifies_the_folder_that_a_pack_was_unpacked_into(pack: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(tmp_path / "unpacked")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(tmp_path / "unpacked" / "verify.py"), "--key", key()], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "VERIFIED")


def test_it_finds_any_changed_byte_of_the_zip(pack: Path) -> None:
    original, trusted = pack.read_bytes(), [base64.b64decode(key())]
    step = max(1, len(original) // 400)
    for at in [*range(0, len(original), step), *range(len(original) - 200, len(original))]:
        changed = bytearray(original)
        changed[at] ^= 1 << (at % 8)
        pack.write_bytes(changed)
        assert verify_pack.verify(str(pack), trusted).verdict in {"TAMPERED", "MISSING"}, f"byte {at}"


def test_it_finds_a_changed_size_in_the_zip_s_directory(pack: Path) -> None:
    original, trusted = pack.read_bytes(), [base64.b64decode(key())]
    for at in _directory(bytearray(original)):
        for bit in range(32):
            changed = bytearray(original)
            changed[at + 24 + bit // 8] ^= 1 << bit % 8
            pack.write_bytes(changed)
            assert verify_pack.verify(str(pack), trusted).verdict in {"TAMPERED", "MISSING"}


def test_it_finds_a_changed_byte_in_every_file(pack: Path, tmp_path: Path) -> None:
    original = files_of(pack)
    for name, content in original.items():
        changed = {**original, name: bytes([content[0] ^ 1]) + content[1:] if content else b"x"}
        report = verify_pack.verify(str(zipped(changed, tmp_path / "changed.zip")), [base64.b64decode(key())])
        assert report.verdict == "TAMPERED", name
        assert report.findings[0]["where"] == name


def test_it_names_a_removed_file(pack: Path, tmp_path: Path) -> None:
    files = files_of(pack)
    name = next(name for name in files if name.startswith("objects/"))
    del files[name]

    code, answer = run(zipped(files, tmp_path / "less.zip"), "--key", key())

    assert (code, first_of(answer)) == (4, ("MISSING", name))


def test_it_names_an_added_file(pack: Path, tmp_path: Path) -> None:
    code, answer = run(zipped({**files_of(pack), "objects/more": b"x"}, tmp_path / "more.zip"), "--key", key())

    assert (code, first_of(answer)) == (5, ("TAMPERED", "objects/more"))


def test_it_names_a_renamed_file_worst_first(pack: Path, tmp_path: Path) -> None:
    files = files_of(pack)
    files["index2.csv"] = files.pop("index.csv")

    code, answer = run(zipped(files, tmp_path / "renamed.zip"), "--key", key())

    assert (code, [(item["verdict"], item["where"]) for item in answer["findings"]]) == (
        5, [("TAMPERED", "index2.csv"), ("MISSING", "index.csv")],
    )


def test_it_accepts_the_same_files_in_another_zip_and_says_so(pack: Path, tmp_path: Path) -> None:
    files = files_of(pack)

    code, answer = run(zipped(dict(reversed(files.items())), tmp_path / "again.zip"), "--key", key())

    assert (code, len(answer["notes"])) == (0, 1)


@pytest.mark.parametrize("change", ["reorder", "remove", "edit"])
def test_it_names_the_entry_where_the_journal_breaks_even_if_the_pack_was_sealed_anew(
    pack: Path, tmp_path: Path, change: str
) -> None:
    files, forger = files_of(pack), Ed25519PrivateKey.generate()
    lines = files[verify_pack.ENTRIES].splitlines(keepends=True)
    if change == "reorder":
        lines[1], lines[2] = lines[2], lines[1]
    elif change == "remove":
        del lines[1]
    else:
        lines[1] = lines[1].replace(b'"simulated":false', b'"simulated":true')
    forged = resealed({**files, verify_pack.ENTRIES: b"".join(lines)}, forger)
    forger_key = base64.b64encode(forger.public_key().public_bytes_raw()).decode()

    code, answer = run(zipped(forged, tmp_path / "forged.zip"), "--key", forger_key)

    assert code == 5
    assert answer["findings"][0]["where"].startswith("audit/entries.jsonl:2 (execution:")


def test_it_does_not_trust_a_pack_that_another_key_signed(pack: Path, tmp_path: Path) -> None:
    forged = resealed(files_of(pack), Ed25519PrivateKey.generate())

    code, answer = run(zipped(forged, tmp_path / "forged.zip"), "--key", key())

    assert (code, first_of(answer)) == (1, ("UNTRUSTED_KEY", verify_pack.ENVELOPE))


def test_it_calls_a_signature_that_fits_no_key_tampered(pack: Path, tmp_path: Path) -> None:
    forged = resealed(files_of(pack), Ed25519PrivateKey.generate(), own=False)

    code, answer = run(zipped(forged, tmp_path / "forged.zip"), "--key", key())

    assert (code, first_of(answer)) == (5, ("TAMPERED", verify_pack.ENVELOPE))


@pytest.mark.parametrize("how", ["no envelope", "no signatures"])
def test_it_says_that_nobody_signed(pack: Path, tmp_path: Path, how: str) -> None:
    files = files_of(pack)
    envelope = json.loads(files.pop(verify_pack.ENVELOPE))
    if how == "no signatures":
        files[verify_pack.ENVELOPE] = canonical.dumps({**envelope, "signatures": []})

    assert run(zipped(files, tmp_path / "unsigned.zip"), "--key", key())[0] == 2


def test_it_finds_a_call_that_differs_from_what_was_approved(world: worlds.World, tmp_path: Path) -> None:
    worlds.mapped(world)
    run_ = worlds.execution(world)
    world_call = run_.steps.get().call_id
    worlds.Call.objects.filter(pk=world_call).update(params_digest=canonical.digest({"host": "dc-2"}))
    bundle = worlds.evidence.capture(execution_id=run_.pk, actor=worlds.ENGINE, now=worlds.NOW)
    path = export(bundles.seal(bundle_id=bundle.pk, actor=worlds.ENGINE, now=worlds.NOW), tmp_path / "stale.zip")

    code, answer = run(path, "--key", key())

    assert (code, answer["verdict"]) == (3, "STALE_APPROVAL")
    assert str(world_call) in answer["findings"][0]["where"]


def test_it_finds_an_approval_whose_document_is_not_the_one_decided_on(world: worlds.World, tmp_path: Path) -> None:
    worlds.mapped(world)
    run_ = worlds.execution(world)
    frozen = worlds.document()
    frozen["shown"]["impact"] = "nothing"
    worlds.Request.objects.update(document=frozen)
    bundle = worlds.evidence.capture(execution_id=run_.pk, actor=worlds.ENGINE, now=worlds.NOW)
    path = export(bundles.seal(bundle_id=bundle.pk, actor=worlds.ENGINE, now=worlds.NOW), tmp_path / "stale.zip")

    assert run(path, "--key", key())[0] == 3


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a\\..\\evil", "C:evil", "objects/../../evil", "a//b"])
def test_it_refuses_names_that_lead_out_of_the_pack(pack: Path, tmp_path: Path, name: str) -> None:
    code, answer = run(zipped({**files_of(pack), name: b"x"}, tmp_path / "evil.zip"), "--key", key())

    assert (code, answer["verdict"]) == (5, "TAMPERED")
    assert not (tmp_path.parent / "evil").exists()


def test_it_refuses_a_zip_bomb_without_unpacking_it(pack: Path, tmp_path: Path) -> None:
    files = files_of(pack)
    name = next(name for name in files if name.startswith("objects/"))
    bomb = zipped({**files, name: bytes(200 << 20)}, tmp_path / "bomb.zip")

    code, answer = run(bomb, "--key", key())

    assert (code, first_of(answer)) == (5, ("TAMPERED", name))


def test_it_refuses_a_zip_that_claims_more_than_a_pack_may_hold(pack: Path) -> None:
    content = bytearray(pack.read_bytes())
    for at in _directory(content):
        content[at + 24 : at + 28] = struct.pack("<L", 0xFFFFFFF0)
    pack.write_bytes(content)

    assert run(pack, "--key", key())[0] == 5


def _directory(content: bytes) -> list[int]:
    found, at = [], content.find(b"PK\x01\x02")
    while at >= 0:
        found.append(at)
        at = content.find(b"PK\x01\x02", at + 46)
    return found[:3]


def test_it_refuses_a_name_that_is_in_the_zip_twice(pack: Path, tmp_path: Path) -> None:
    shutil.copy(pack, tmp_path / "twice.zip")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "twice.zip", "a") as archive:
        archive.writestr("index.csv", b"other")

    code, answer = run(tmp_path / "twice.zip", "--key", key())

    assert (code, first_of(answer)) == (5, ("TAMPERED", "index.csv"))


def test_it_refuses_a_link_in_a_folder(pack: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(folder)
    (folder / "index.csv").unlink()
    (folder / "index.csv").symlink_to("/etc/passwd")

    code, answer = run(folder, "--key", key())

    assert (code, first_of(answer)) == (5, ("TAMPERED", "index.csv"))


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" * 50])
def test_it_answers_for_what_is_no_pack(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd.zip").write_bytes(content)

    assert run(tmp_path / "odd.zip")[0] == 5


@pytest.mark.parametrize("manifest", [b"[]", b"{}", b'{"files":[{"path":1}]}', b'{"files":1}', b"[" * 100000, b"\xff"])
def test_it_answers_for_a_manifest_that_is_none(pack: Path, tmp_path: Path, manifest: bytes) -> None:
    files = {**files_of(pack), verify_pack.MANIFEST: manifest}

    code, answer = run(zipped(files, tmp_path / "odd.zip"), "--key", key())

    assert (code, answer["findings"][-1]["where"]) == (5, verify_pack.MANIFEST)


def test_it_does_not_let_names_steer_the_terminal(pack: Path, tmp_path: Path) -> None:
    zipped({**files_of(pack), "\x1b[2Jevil": b"x"}, tmp_path / "odd.zip")
    done = subprocess.run([sys.executable, "-I", "-S", str(VERIFY), str(tmp_path / "odd.zip")], capture_output=True, check=False)

    assert done.returncode == 5
    assert b"\x1b" not in done.stdout


def test_a_wrong_key_or_path_is_a_usage_error(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(VERIFY)]

    assert subprocess.run([*command, str(tmp_path), "--key", "short"], capture_output=True, check=False).returncode == 64
    assert subprocess.run([*command, str(tmp_path / "nowhere")], capture_output=True, check=False).returncode == 64


TEXT = st.text(st.characters(codec="utf-8"))
FLAT = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXT


@given(st.recursive(FLAT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_its_canonical_json_is_that_of_the_standard(value: Any) -> None:
    assert verify_pack.canonical(json.loads(json.dumps(value))) == rfc8785.dumps(json.loads(json.dumps(value)))


@given(st.binary(max_size=200), st.binary(min_size=32, max_size=32), st.integers(0, 511))
def test_its_signatures_are_those_of_the_standard(message: bytes, seed: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), bytearray(private.sign(message))
    assert verify_pack.signed_by(public, message, bytes(signature))
    signature[bit // 8] ^= 1 << bit % 8
    assert not verify_pack.signed_by(public, message, bytes(signature))


def test_it_is_written_in_the_grammar_of_python_3_8() -> None:
    assert ast.parse(VERIFY.read_text(), feature_version=(3, 8)).body


def test_its_zip_is_one_that_others_read(pack: Path) -> None:
    assert zipfile.ZipFile(io.BytesIO(pack.read_bytes())).testzip() is None
    assert Artifact.objects.count() == len({name for name in files_of(pack) if name.startswith("objects/")})
    assert blobs.read(canonical.sha256(files_of(pack)["verify.py"])) == VERIFY.read_bytes()


@pytest.mark.parametrize(
    ("receipt", "verdict"),
    [
        ({"request": "0" * 64}, "STALE_APPROVAL"),
        ({"call": "0" * 64}, "STALE_APPROVAL"),
        ({"journal": {"stream": "x", "seq": 1, "hash": "0" * 64}}, "TAMPERED"),
    ],
)
def test_it_finds_a_receipt_that_is_for_something_else(
    world: worlds.World, tmp_path: Path, receipt: dict[str, Any], verdict: str
) -> None:
    worlds.mapped(world)
    execution = worlds.execution(world)
    request = worlds.Request.objects.get()
    request.receipt = {**request.receipt, **receipt}
    request.save()
    bundle = worlds.evidence.capture(execution_id=execution.pk, actor=worlds.ENGINE, now=worlds.NOW)
    path = export(bundles.seal(bundle_id=bundle.pk, actor=worlds.ENGINE, now=worlds.NOW), tmp_path / "odd.zip")

    assert verify_pack.verify(str(path), [base64.b64decode(key())]).verdict == verdict
