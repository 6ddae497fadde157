"""What a worker does for compliance."""

import uuid

import structlog

from audit.selectors.entries import EntryView
from compliance.models import EvidenceBundle
from compliance.selectors import bundles as find
from compliance.services import bundles, evidence
from core import actors, clock
from core.errors import DomainError

log = structlog.get_logger(__name__)


def capture_evidence(entry: EntryView) -> str | None:
    """Capture the bundle of an execution that finished, seal it where nothing more can come, and return its id."""
    execution_id = entry.subject_id if entry.subject_kind == "execution" else entry.ref("execution")
    if execution_id is None:
        return None
    bundle = _capture_and_seal(uuid.UUID(execution_id))
    return str(bundle.pk) if bundle else None


def seal_due() -> int:
    """Seal the open bundles of ended executions whose queued simulations are all settled; return how many."""
    sealed = 0
    for execution_id in find.awaiting_seal(limit=50):
        try:
            bundle = _capture_and_seal(execution_id)
        except DomainError as error:
            # One bundle that cannot be sealed must not keep the others open.
            log.warning("bundle_not_sealed", execution=str(execution_id), error=error.sentence)
            continue
        sealed += bool(bundle and bundle.sealed_at)
    return sealed


def _capture_and_seal(execution_id: uuid.UUID) -> EvidenceBundle | None:
    now, actor = clock.now(), actors.system("engine")
    bundle = evidence.capture(execution_id=execution_id, actor=actor, now=now)
    if bundle is None or not bundles.ready(bundle):
        return bundle
    try:
        return bundles.seal(bundle_id=bundle.pk, actor=actor, now=now)
    except bundles.Sealed:
        # Another worker sealed it first.
        return bundle
