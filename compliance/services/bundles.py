"""Making, sealing, superseding and exporting bundles. A sealed bundle never changes."""

import dataclasses
import datetime as dt
import functools
import io
import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence

from django.db import transaction

from accounts.models import Environment, Tenant
from audit import journal
from audit.choices import Kind
from compliance.choices import ArtifactKind, BundleStatus
from compliance.models import Artifact, Control, ControlEvidence, EvidenceBundle
from compliance.selectors import documents
from compliance.services import packs
from compliance.services.verify import NotSealed, require_sealed, verify
from compliance.spec import verify_pack
from core import blobs, canonical, clock, ids, signing
from core.actors import Actor
from core.errors import Conflict, Invalid, TooLarge

__all__ = ["NotSealed", "attach", "create", "export", "ready", "seal", "supersede", "verify"]

MAX_FILE = 50 << 20
MAX_PACK = 2 << 30


class Sealed(Conflict):
    """A sealed bundle never changes; a correction is a new bundle that supersedes it."""

    code = "sealed"


class NothingToSeal(Conflict):
    """The bundle holds no evidence yet."""

    code = "nothing_to_seal"


class StillOpen(Conflict):
    """The execution has not ended, or simulated writes of it still wait for a decision."""

    code = "still_open"


class ChangedMeanwhile(Conflict):
    """The bundle changed while it was being sealed; try again."""

    code = "changed_meanwhile"


class AlreadySuperseded(Conflict):
    """Another bundle supersedes this one already."""

    code = "already_superseded"


class WrongPeriod(Invalid):
    """The end of the period lies before its start."""

    code = "wrong_period"


class WrongControls(Invalid):
    """Some controls do not belong to the bundle's tenant."""

    code = "wrong_controls"


class PackIncomplete(Conflict):
    """Some of the pack's files are missing from the file storage."""

    code = "pack_incomplete"


class PackTooLarge(TooLarge):
    """The pack would be larger than one zip may be."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pack:
    """An export under way: the file name for it, its size in bytes, and its bytes."""

    filename: str
    size: int
    chunks: Iterator[bytes]


def create(
    *,
    tenant: Tenant,
    title: str,
    controls: Sequence[Control],
    period_from: dt.datetime,
    period_until: dt.datetime,
    actor: Actor,
    now: dt.datetime,
    environment: Environment | None = None,
) -> EvidenceBundle:
    """Return a new open bundle that people fill; raises WrongPeriod and WrongControls."""
    if period_until < period_from:
        raise WrongPeriod
    if any(control.tenant_id != tenant.pk for control in controls):
        raise WrongControls
    with transaction.atomic():
        bundle: EvidenceBundle = EvidenceBundle.objects.create(
            tenant=tenant, environment=environment, title=title, period_from=period_from, period_until=period_until,
            created_by=actor.name, created_at=now,
        )
        ControlEvidence.objects.bulk_create(
            ControlEvidence(bundle=bundle, control=control, effective_at=period_until) for control in controls
        )
        _journal(bundle, Kind.BUNDLE_CAPTURED, actor, now, controls=[control.identifier for control in controls])
    return bundle


def attach(
    *,
    bundle: EvidenceBundle,
    name: str,
    content: bytes | Iterable[bytes],
    media_type: str,
    actor: Actor,
    now: dt.datetime,
    effective_at: dt.datetime | None = None,
    valid_until: dt.datetime | None = None,
) -> Artifact:
    """Attach a file to an open bundle and return its artifact; raises Sealed and TooLarge."""
    blob = blobs.put(_bounded([content] if isinstance(content, bytes) else content))
    with transaction.atomic():
        row = _locked(bundle.pk)
        if row.status != BundleStatus.OPEN:
            raise Sealed
        artifact = Artifact.objects.create(
            bundle=row, kind=ArtifactKind.FILE, name=name[:300], media_type=media_type[:100], sha256=blob.sha256, size=blob.size,
            source=f"user:{actor.name}"[:200], effective_at=effective_at or now, received_at=now, valid_until=valid_until,
        )
        _journal(row, Kind.BUNDLE_CHANGED, actor, now, artifact=artifact.pk, sha256=blob.sha256, size=blob.size)
    return artifact


def ready(bundle: EvidenceBundle) -> bool:
    """Return whether nothing more can come: it is open, and no simulated write of its execution waits."""
    if bundle.status != BundleStatus.OPEN:
        return False
    return bundle.execution is None or not documents.queued_simulations(bundle.execution)


def seal(*, bundle_id: uuid.UUID, actor: Actor, now: dt.datetime) -> EvidenceBundle:
    """Render the pack, sign its manifest and return the sealed bundle, which never changes again.

    Sealing a sealed bundle raises Sealed; raises StillOpen, NothingToSeal, ChangedMeanwhile and PackTooLarge.
    """
    bundle = _whole(bundle_id)
    if bundle.status != BundleStatus.OPEN:
        raise Sealed
    if not ready(bundle):
        raise StillOpen
    artifacts = list(bundle.artifacts.order_by("id"))
    if not artifacts:
        raise NothingToSeal
    head = packs.head(bundle, now, actor.name, bundle.omissions)
    files = packs.render(bundle, artifacts, head)
    if _size(files) > MAX_PACK:
        raise PackTooLarge(hint=f"It may have {MAX_PACK} bytes; split the evidence over several bundles.")
    with transaction.atomic():
        # Packs of a tenant follow each other in one chain, so they are sealed one after the other.
        Tenant.objects.select_for_update().get(pk=bundle.tenant_id)
        row = _locked(bundle_id)
        if row.status != BundleStatus.OPEN or list(row.artifacts.order_by("id").values_list("id", flat=True)) != [
            artifact.pk for artifact in artifacts
        ]:
            raise ChangedMeanwhile
        row.previous_digest = _previous(row)
        signer = _signer(now)
        manifest = blobs.put(packs.manifest(head, files, artifacts, row.previous_digest, signer))
        row.envelope = packs.envelope(manifest.sha256, signer, head)
        row.manifest_sha256, row.files = manifest.sha256, files
        row.status, row.sealed_at, row.sealed_by = BundleStatus.SEALED, now, actor.name
        row.save()
        _journal(row, Kind.BUNDLE_SEALED, actor, now, manifest=manifest.sha256, key=signer.key_id, previous=row.previous_digest)
        _mark_superseded(row, actor, now)
    return row


def supersede(*, bundle_id: uuid.UUID, title: str, actor: Actor, now: dt.datetime) -> EvidenceBundle:
    """Return a new open bundle with the evidence of a sealed one, to correct it; raises NotSealed and AlreadySuperseded."""
    with transaction.atomic():
        old = _locked(bundle_id)
        require_sealed(old)
        if EvidenceBundle.objects.filter(supersedes=old).exists():
            raise AlreadySuperseded
        new: EvidenceBundle = EvidenceBundle.objects.create(
            tenant_id=old.tenant_id, environment_id=old.environment_id, title=title or old.title, passed=old.passed,
            period_from=old.period_from, period_until=old.period_until, omissions=old.omissions, created_by=actor.name,
            created_at=now, supersedes=old,
        )
        artifacts, evidence = list(old.artifacts.order_by("id")), list(old.evidence.order_by("id"))
        for artifact in artifacts:
            artifact.pk, artifact.bundle = ids.new(), new
        for proof in evidence:
            proof.pk, proof.bundle = ids.new(), new
        Artifact.objects.bulk_create(artifacts)
        ControlEvidence.objects.bulk_create(evidence)
        _journal(new, Kind.BUNDLE_CAPTURED, actor, now, supersedes=old.pk)
    return new


def export(*, bundle_id: uuid.UUID, actor: Actor, now: dt.datetime) -> Pack:
    """Return the pack of a sealed bundle as one zip, streamed; the same bundle gives the same bytes.

    Raises NotSealed, and PackIncomplete before the first byte where a file is gone.
    """
    bundle = _whole(bundle_id)
    require_sealed(bundle)
    entries = _entries(bundle)
    with transaction.atomic():
        _journal(bundle, Kind.BUNDLE_EXPORTED, actor, now, manifest=bundle.manifest_sha256)
    names = [entry.name for entry in entries]
    size = 22 + sum(76 + 2 * len(name.encode()) for name in names) + sum(entry.size for entry in entries)
    return Pack(f"evidence-{bundle.pk}.zip", size, verify_pack.zip_stream(entries))


def _entries(bundle: EvidenceBundle) -> list[verify_pack.Entry]:
    gone = [file["path"] for file in bundle.files if not blobs.path(file["sha256"]).is_file()]
    if gone or not blobs.path(bundle.manifest_sha256).is_file():
        raise PackIncomplete(hint=f"Missing: {', '.join([*gone, verify_pack.MANIFEST][:5])}. Restore the file storage from a backup.")
    entries = [
        verify_pack.Entry(file["path"], file["size"], file["crc"], functools.partial(blobs.open_blob, file["sha256"])) for file in bundle.files
    ]
    loose = {verify_pack.MANIFEST: blobs.read(bundle.manifest_sha256), verify_pack.ENVELOPE: canonical.dumps(bundle.envelope)}
    for name, content in loose.items():
        entries.append(verify_pack.Entry(name, len(content), zlib.crc32(content), functools.partial(io.BytesIO, content)))
    return sorted(entries, key=lambda entry: entry.name)


def _bounded(chunks: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_FILE:
            raise TooLarge(f"The file is larger than {MAX_FILE} bytes.")
        yield chunk


def _size(files: Sequence[packs.PackFile]) -> int:
    return sum(file["size"] for file in files)


def _whole(bundle_id: uuid.UUID) -> EvidenceBundle:
    rows = EvidenceBundle.objects.select_related("tenant", "environment", "execution__version__playbook")
    bundle: EvidenceBundle = rows.get(pk=bundle_id)
    return bundle


def _locked(bundle_id: uuid.UUID) -> EvidenceBundle:
    bundle: EvidenceBundle = EvidenceBundle.objects.select_for_update().get(pk=bundle_id)
    return bundle


def _previous(bundle: EvidenceBundle) -> str:
    """Return the digest of the tenant's pack that was sealed before this one."""
    sealed = EvidenceBundle.objects.filter(tenant_id=bundle.tenant_id).exclude(sealed_at=None).order_by("-sealed_at", "-id")
    digest: str | None = sealed.values_list("manifest_sha256", flat=True).first()
    return digest or ""


def _signer(now: dt.datetime) -> signing.PublicKey:
    """Return the key that signs now; the first one is made on first use."""
    if not signing.public_keys():
        signing.generate(now)
    return signing.public_keys()[-1]


def _mark_superseded(bundle: EvidenceBundle, actor: Actor, now: dt.datetime) -> None:
    old = bundle.supersedes
    if old is None:
        return
    EvidenceBundle.objects.filter(pk=old.pk).update(status=BundleStatus.SUPERSEDED)
    _journal(old, Kind.BUNDLE_SUPERSEDED, actor, now, by=bundle.pk, at=clock.iso(now))


def _journal(bundle: EvidenceBundle, kind: Kind, actor: Actor, now: dt.datetime, **data: object) -> None:
    journal.append(
        stream=f"bundle:{bundle.pk}", kind=kind, actor=actor, now=now, subject=("bundle", bundle.pk), tenant_id=bundle.tenant_id,
        refs=[("execution", bundle.execution_id)] if bundle.execution_id else [], data=data,
    )
