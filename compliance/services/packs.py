"""Rendering a pack: every file of it, kept as blobs, and the manifest that names them."""

import base64
import csv
import io
import zlib
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypedDict

from django.template.loader import render_to_string

from compliance.choices import ArtifactKind
from compliance.models import Artifact, EvidenceBundle
from compliance.selectors import records
from compliance.spec import verify_pack
from core import blobs, canonical, clock, signing

FORMAT = "urn:runbookpilot:evidence-pack:1"
README = """\
{title}

This is a pack of evidence. manifest.json names every file with its size and sha256; attestations/manifest.dsse.json
is the signature over it (in-toto Statement in a DSSE envelope, ed25519).

To verify it, get the public key of whoever made it another way than with this pack, for example from
https://<their host>/.well-known/runbookpilot/keys.json, and run

    python verify.py PACK --key KEY

with the zip, or the folder that it was unpacked into. Python 3.8 or later is all that it needs. The answer is one of
VERIFIED (0), UNTRUSTED_KEY (1), UNSIGNED (2), STALE_APPROVAL (3), MISSING (4), TAMPERED (5), also the exit code.
If you do not trust this verify.py, use your own copy: it is the same in every pack of this format.

index.csv        the evidence, one line each
objects/         the evidence itself, each file named by its sha256
records/         controls, mappings, exceptions, approvals, calls, receipts, history: one JSON object a line
audit/           the journal of what happened; each entry carries the hash of the one before
summary.html     the same for reading
"""
_COLUMNS = ("kind", "name", "step", "passed", "effective_at", "received_at", "valid_until", "media_type", "size", "sha256", "source")
_AS_LINES = {
    verify_pack.APPROVALS: ArtifactKind.APPROVAL,
    verify_pack.CALLS: ArtifactKind.CALL,
    verify_pack.RECEIPTS: ArtifactKind.RECEIPT,
}


class PackFile(TypedDict):
    """A file of a pack: its path, and the blob that holds it."""

    path: str
    size: int
    sha256: str
    crc: int


def render(bundle: EvidenceBundle, artifacts: list[Artifact], head: Mapping[str, Any]) -> list[PackFile]:
    """Keep every file of the pack but the manifest as blobs and return them, sorted by path."""
    controls = list(records.controls(bundle))
    context = {"bundle": bundle, "manifest": head, "controls": controls, "artifacts": artifacts}
    files = {
        "README.txt": [README.format(title=bundle.title).encode()],
        "index.csv": _index(artifacts),
        "summary.html": [render_to_string("compliance/pack_summary.html", context).encode()],
        "verify.py": [Path(verify_pack.__file__).read_bytes()],
        "records/controls.jsonl": _lines(controls),
        "records/mappings.jsonl": _lines(records.mappings(bundle)),
        "records/exceptions.jsonl": _lines(records.exceptions(bundle)),
        "records/history.jsonl": _lines(records.history(bundle)),
        verify_pack.ENTRIES: _joined(artifacts, ArtifactKind.JOURNAL, b""),
        **{path: _joined(artifacts, kind, b"\n") for path, kind in _AS_LINES.items()},
        **{f"objects/{artifact.sha256}": _content(artifact.sha256) for artifact in artifacts},
    }
    return [_keep(path, files[path]) for path in sorted(files)]


def head(bundle: EvidenceBundle, sealed_at: Any, sealed_by: str, omissions: list[dict[str, str]]) -> dict[str, Any]:
    """Return the part of the manifest that is known before the files are."""
    playbook = bundle.execution.version.playbook.slug if bundle.execution else None
    return {
        "format": FORMAT,
        "bundle": str(bundle.pk),
        "title": bundle.title,
        "scope": {
            "tenant": bundle.tenant.slug,
            "environment": bundle.environment.slug if bundle.environment else None,
            "execution": str(bundle.execution_id) if bundle.execution_id else None,
            "playbook": playbook,
            "controls": [control["identifier"] for control in records.controls(bundle)],
        },
        "passed": bundle.passed,
        "period": {"from": clock.iso(bundle.period_from), "until": clock.iso(bundle.period_until)},
        "generator": {"name": "RunbookPilot", "version": metadata.version("runbookpilot")},
        "sealed_at": clock.iso(sealed_at),
        "sealed_by": sealed_by,
        "omissions": omissions,
        "supersedes": str(bundle.supersedes_id) if bundle.supersedes_id else None,
    }


def manifest(
    head: Mapping[str, Any], files: list[PackFile], artifacts: list[Artifact], previous: str, signer: signing.PublicKey
) -> bytes:
    """Return the manifest in canonical JSON."""
    kinds = [str(artifact.kind) for artifact in artifacts]
    listed = [{"path": file["path"], "size": file["size"], "sha256": file["sha256"]} for file in files]
    counts = {"files": len(files), "bytes": sum(file["size"] for file in files), "artifacts": len(artifacts)}
    return canonical.dumps(
        {
            **head,
            "files": listed,
            "counts": {**counts, "by_kind": {kind: kinds.count(kind) for kind in sorted(set(kinds))}},
            "previous": previous or None,
            "signer": {"keyid": signer.key_id, "public": signer.key},
        }
    )


def envelope(manifest_sha256: str, signer: signing.PublicKey, head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the DSSE envelope of the in-toto Statement over a manifest, signed; raises RuntimeError if the key changed."""
    statement = {
        "_type": verify_pack.STATEMENT_TYPE,
        "subject": [{"name": verify_pack.MANIFEST, "digest": {"sha256": manifest_sha256}}],
        "predicateType": FORMAT,
        "predicate": {"bundle": head["bundle"], "scope": head["scope"], "period": head["period"], "sealed_at": head["sealed_at"]},
    }
    payload = canonical.dumps(statement)
    signature = signing.sign(verify_pack.pae(verify_pack.PAYLOAD_TYPE, payload))
    if signature.key_id != signer.key_id:
        raise RuntimeError("the signing key was rotated while a bundle was sealed")
    return {
        "payloadType": verify_pack.PAYLOAD_TYPE,
        "payload": canonical_base64(payload),
        "signatures": [{"keyid": signature.key_id, "sig": signature.signature}],
    }


def canonical_base64(content: bytes) -> str:
    """Return base64 text with padding, the one form that the verifier accepts."""
    return base64.b64encode(content).decode()


def _keep(path: str, chunks: Iterable[bytes]) -> PackFile:
    crc = 0

    def counted() -> Iterator[bytes]:
        nonlocal crc
        for chunk in chunks:
            crc = zlib.crc32(chunk, crc)
            yield chunk

    blob = blobs.put(counted())
    return {"path": path, "size": blob.size, "sha256": blob.sha256, "crc": crc}


def _lines(rows: Iterable[Mapping[str, object]]) -> Iterator[bytes]:
    for row in rows:
        yield canonical.dumps(row) + b"\n"


def _joined(artifacts: list[Artifact], kind: ArtifactKind, end: bytes) -> Iterator[bytes]:
    for artifact in artifacts:
        if artifact.kind == kind:
            yield from _content(artifact.sha256)
            yield end


def _content(sha256: str) -> Iterator[bytes]:
    with blobs.open_blob(sha256) as file:
        yield from iter(lambda: file.read(blobs.CHUNK), b"")


def _index(artifacts: list[Artifact]) -> Iterator[bytes]:
    yield _row(_COLUMNS)
    for artifact in artifacts:
        yield _row([canonical.plain(getattr(artifact, column)) for column in _COLUMNS])


def _row(cells: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow([_neutral(cell) for cell in cells])
    return line.getvalue().encode()


def _neutral(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.lstrip()[:1] in tuple("=+-@|") else "" if cell is None else cell
