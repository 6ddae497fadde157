"""The records that travel in a pack: controls, mappings, exceptions, and the history of both."""

from collections.abc import Iterator
from typing import Any

from compliance.models import Control, ControlException, EvidenceBundle, Mapping
from compliance.selectors import mappings as intervals


def controls(bundle: EvidenceBundle) -> Iterator[dict[str, Any]]:
    """Yield the controls that a bundle speaks of, without their texts, which may belong to somebody else."""
    rows = bundle.evidence.select_related("control__framework", "control__owner")
    for row in rows.order_by("control__framework__slug", "control__position", "control_id"):
        control = row.control
        yield {
            "id": str(control.pk), "identifier": control.identifier, "label": control.label, "title": control.title,
            "family": control.family, "framework": control.framework.slug, "version": control.framework.version,
            "framework_sha256": control.framework.source_sha256, "freshness_days": control.freshness_days,
            "applicable": control.applicable, "owner": control.owner.username if control.owner else None,
            "effective_at": row.effective_at, "passed": row.passed,
        }


def mappings(bundle: EvidenceBundle) -> Iterator[dict[str, Any]]:
    """Yield the mappings of those controls that stood when the bundle's period ended."""
    for row in intervals.of_controls(_control_ids(bundle), bundle.period_until):
        yield {
            "id": row.pk, "control": row.control_id, "playbook": row.playbook.slug, "selector": row.selector,
            "environment": row.environment.slug if row.environment else None, "rationale": row.rationale,
            "valid_from": row.valid_from, "valid_until": row.valid_until,
        }


def exceptions(bundle: EvidenceBundle) -> Iterator[dict[str, Any]]:
    """Yield the accepted risks of those controls that stood when the bundle's period ended."""
    for row in intervals.exceptions_of(_control_ids(bundle), bundle.period_until):
        yield {
            "id": row.pk, "control": row.control_id, "reason": row.reason, "accepted_by": row.accepted_by,
            "valid_from": row.valid_from, "valid_until": row.valid_until,
        }


def history(bundle: EvidenceBundle) -> Iterator[dict[str, Any]]:
    """Yield who changed those controls, their mappings and exceptions, oldest first."""
    ids = _control_ids(bundle)
    for model, condition in ((Control, "id__in"), (Mapping, "control_id__in"), (ControlException, "control_id__in")):
        rows = model.history.filter(**{condition: ids}).select_related("history_user")
        for row in rows.order_by("history_date", "history_id").iterator(chunk_size=500):
            yield {
                "of": model._meta.model_name, "id": row.id, "at": row.history_date, "reason": row.history_change_reason,
                "change": {"+": "created", "~": "changed", "-": "deleted"}[row.history_type],
                "by": row.history_user.username if row.history_user else None,
            }


def _control_ids(bundle: EvidenceBundle) -> list[Any]:
    return list(bundle.evidence.values_list("control_id", flat=True))
