"""Verifying a bundle in place, by the same code that travels in its pack."""

import base64
import dataclasses
import datetime as dt
import io
from typing import IO

from django.db import transaction

from audit import journal
from audit.choices import Kind
from audit.selectors import entries
from compliance.choices import BundleStatus, Verdict
from compliance.models import EvidenceBundle
from compliance.spec import verify_pack
from core import blobs, canonical, signing
from core.actors import Actor
from core.errors import Conflict


class NotSealed(Conflict):
    """The bundle is not sealed, so there is nothing to verify or export yet."""

    code = "not_sealed"


@dataclasses.dataclass(frozen=True, slots=True)
class Verification:
    """The answer of a verification: the verdict, what was found wrong (worst first), and how much was checked."""

    verdict: Verdict
    findings: list[dict[str, str]]
    checked: dict[str, int]
    at: dt.datetime


class StoredPack:
    """A sealed bundle's files where they are kept, as the verifier reads them."""

    def __init__(self, bundle: EvidenceBundle) -> None:
        self._blobs = {file["path"]: file["sha256"] for file in bundle.files}
        self._blobs[verify_pack.MANIFEST] = bundle.manifest_sha256
        self._envelope = canonical.dumps(bundle.envelope) if bundle.envelope else b""
        self.names = [path for path, sha256 in self._blobs.items() if _kept(sha256)]
        self.names += [verify_pack.ENVELOPE] if self._envelope else []

    def open(self, name: str) -> IO[bytes]:
        return io.BytesIO(self._envelope) if name == verify_pack.ENVELOPE else blobs.open_blob(self._blobs[name])


def require_sealed(bundle: EvidenceBundle) -> None:
    """Raise NotSealed for a bundle that is still open."""
    if bundle.status == BundleStatus.OPEN:
        raise NotSealed(hint="Seal it first.")


def verify(*, bundle: EvidenceBundle, actor: Actor, now: dt.datetime) -> Verification:
    """Check a sealed bundle's files, signature, journal and approvals, record the verdict and return it; raises NotSealed."""
    require_sealed(bundle)
    report = verify_pack.Report()
    trusted = [base64.b64decode(key.key) for key in signing.public_keys()]
    verify_pack.check(StoredPack(bundle), trusted, report)
    _check_journal(bundle, report)
    answer = report.to_dict()
    with transaction.atomic():
        journal.append(
            stream=f"bundle:{bundle.pk}", kind=Kind.BUNDLE_VERIFIED, actor=actor, now=now, subject=("bundle", bundle.pk),
            tenant_id=bundle.tenant_id, refs=[("execution", bundle.execution_id)] if bundle.execution_id else [],
            data={"verdict": report.verdict, "findings": len(report.findings), "manifest": bundle.manifest_sha256},
        )
    return Verification(Verdict(report.verdict), answer["findings"], answer["checked"], now)


def _kept(sha256: str) -> bool:
    """Return whether the content is there; for a digest that is none there is nothing."""
    try:
        return blobs.path(sha256).is_file()
    except ValueError:
        return False


def _check_journal(bundle: EvidenceBundle, report: verify_pack.Report) -> None:
    """Compare the manifest with the one that the journal says was sealed."""
    sealed = [entry for entry in entries.of_stream(f"bundle:{bundle.pk}") if entry.kind == Kind.BUNDLE_SEALED]
    if not sealed:
        report.add("MISSING", f"journal bundle:{bundle.pk}", "has no entry that says that this bundle was sealed")
    elif sealed[-1].data.get("manifest") != bundle.manifest_sha256:
        report.add("TAMPERED", verify_pack.MANIFEST, "is not the one that the journal says was sealed")
