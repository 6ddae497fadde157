"""Capturing evidence: a finished execution of a mapped playbook becomes one bundle."""

import datetime as dt
import uuid
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence

from django.db import transaction

from audit import journal
from audit.choices import Kind
from compliance.choices import ArtifactKind, BundleStatus
from compliance.models import Artifact, ControlEvidence, EvidenceBundle, Mapping
from compliance.selectors import documents, mappings
from compliance.selectors.documents import Document
from core import blobs, canonical
from core.actors import Actor
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, StepStatus
from playbooks_app.models import Execution

#: Whether an execution did what it set out to do; one that people ended is "not checked", which is no pass.
PASSED: AnyMapping[str, bool] = {ExecutionStatus.COMPLETED: True, ExecutionStatus.FAILED: False}


def capture(*, execution_id: uuid.UUID, actor: Actor, now: dt.datetime) -> EvidenceBundle | None:
    """Return the bundle of a finished execution; None where it has not ended, is a drill, or serves no control.

    Safe to call again: an open bundle is brought up to date, a sealed one is returned as it is.
    """
    if not mappings.serve_any(execution_id):
        return None
    execution = (
        Execution.objects.select_related("version__playbook", "version__activated_by", "alert", "environment")
        .filter(pk=execution_id).first()
    )
    if execution is None or execution.drill or execution.status not in FINAL_EXECUTION:
        return None
    served = list(mappings.serving(execution, execution.completed_at or now))
    if not served:
        return None
    found = documents.of_execution(execution)
    kept = [(document, blobs.put(document.content)) for document in found]
    with transaction.atomic():
        # The lock lets two captures of one execution follow each other.
        Execution.objects.select_for_update().get(pk=execution_id)
        bundle: EvidenceBundle | None = EvidenceBundle.objects.filter(execution_id=execution_id).first()
        if bundle and bundle.status != BundleStatus.OPEN:
            return bundle
        kind = Kind.BUNDLE_CHANGED if bundle else Kind.BUNDLE_CAPTURED
        bundle = bundle or _new(execution, actor, now)
        if not _replace(bundle, kept, now):
            return bundle
        bundle.omissions, bundle.passed = documents.omissions(execution), _passed(execution)
        bundle.save(update_fields=["omissions", "passed"])
        _prove(bundle, execution, served, now)
        _journal(bundle, kind, execution, served, actor, now)
    return bundle


def _new(execution: Execution, actor: Actor, now: dt.datetime) -> EvidenceBundle:
    bundle: EvidenceBundle = EvidenceBundle.objects.create(
        tenant_id=execution.tenant_id, environment_id=execution.environment_id, title=execution.title[:300], execution=execution,
        period_from=execution.started_at, period_until=execution.completed_at or now, created_by=actor.name, created_at=now,
    )
    return bundle


def _replace(bundle: EvidenceBundle, kept: Sequence[tuple[Document, blobs.Blob]], now: dt.datetime) -> bool:
    """Bring the captured artifacts up to date; return whether anything differed. Files that people attached stay."""
    standing = bundle.artifacts.exclude(kind=ArtifactKind.FILE)
    before = sorted(standing.values_list("kind", "name", "sha256"))
    if before == sorted((str(document.kind), document.name[:300], blob.sha256) for document, blob in kept):
        return False
    standing.delete()
    Artifact.objects.bulk_create(
        Artifact(
            bundle=bundle, kind=document.kind, name=document.name[:300], media_type=document.media_type, sha256=blob.sha256,
            size=blob.size, source=document.source, step=document.step, effective_at=document.effective_at, received_at=now,
            passed=document.passed, redactions=list(document.redactions),
        )
        for document, blob in kept
    )
    return True


def _prove(bundle: EvidenceBundle, execution: Execution, served: Sequence[Mapping], now: dt.datetime) -> None:
    """Say for each control whether this evidence passed: all steps that its mappings select, or the execution as a whole."""
    statuses = dict(execution.steps.values_list("step_id", "status"))
    verdicts: dict[uuid.UUID, list[bool | None]] = {}
    for mapping in served:
        steps = mapping.selector.get("steps", [])
        found = [_step_passed(statuses.get(step)) for step in steps] or [_passed(execution)]
        verdicts.setdefault(mapping.control_id, []).extend(found)
    bundle.evidence.all().delete()
    ControlEvidence.objects.bulk_create(
        ControlEvidence(bundle=bundle, control_id=control_id, effective_at=execution.completed_at or now, passed=_all(found))
        for control_id, found in verdicts.items()
    )


def _passed(execution: Execution) -> bool | None:
    """Return whether an execution did what it set out to do; one that failed and was rolled back failed."""
    rolled_back = execution.status == ExecutionStatus.ROLLED_BACK
    failed = rolled_back and execution.result.get("outcome") == ExecutionStatus.FAILED
    return False if failed else PASSED.get(execution.status)


def _step_passed(status: str | None) -> bool | None:
    return {StepStatus.COMPLETED: True, StepStatus.FAILED: False}.get(StepStatus(status)) if status else None


def _all(found: Sequence[bool | None]) -> bool | None:
    """Return False where anything failed, None where anything was not checked, else True."""
    return False if False in found else None if None in found else True


def _journal(
    bundle: EvidenceBundle, kind: Kind, execution: Execution, served: Sequence[Mapping], actor: Actor, now: dt.datetime
) -> None:
    references = [("execution", execution.pk), ("playbook", execution.version.playbook_id)]
    references += [("alert", execution.alert_id)] if execution.alert_id else []
    references += [("incident", execution.incident_id)] if execution.incident_id else []
    digests = sorted(bundle.artifacts.values_list("sha256", flat=True))
    journal.append(
        stream=f"bundle:{bundle.pk}", kind=kind, actor=actor, now=now, subject=("bundle", bundle.pk), tenant_id=bundle.tenant_id,
        environment=execution.environment.slug, refs=references,
        data={
            "artifacts": len(digests), "digest": canonical.digest(digests), "passed": bundle.passed,
            "controls": sorted({mapping.control.identifier for mapping in served}),
        },
    )
