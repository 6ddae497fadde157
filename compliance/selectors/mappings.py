"""Which mappings and exceptions stand at a moment."""

import datetime as dt
import uuid

from django.db.models import Expression, Q, QuerySet

from compliance.models import ControlException, Mapping
from core.reads import Read
from playbooks_app.models import Execution


def standing(as_of: dt.datetime) -> Q:
    """Return the condition that an interval of validity holds `as_of`."""
    return Q(valid_from__lte=as_of) & (Q(valid_until=None) | Q(valid_until__gt=as_of))


def serving(execution: Execution, as_of: dt.datetime) -> "QuerySet[Mapping]":
    """Return the mappings that an execution's playbook and environment had `as_of`, with their controls and frameworks."""
    rows: QuerySet[Mapping] = Mapping.objects.filter(
        standing(as_of), Q(environment=None) | Q(environment_id=execution.environment_id),
        tenant_id=execution.tenant_id, playbook_id=execution.version.playbook_id,
    )
    return rows.select_related("control__framework").order_by("control__position", "id")


def serve_any(execution_id: uuid.UUID) -> bool:
    """Return whether there is any mapping, standing or not, of an execution's playbook: most have none."""
    return _ANY.first(execution=execution_id) is not None


def _any(execution: Expression) -> "QuerySet[Mapping, tuple[uuid.UUID]]":
    return Mapping.objects.filter(playbook__versions__executions=execution).values_list("id")[:1]


_ANY = Read(_any)


def of_controls(control_ids: "list[uuid.UUID]", as_of: dt.datetime) -> "QuerySet[Mapping]":
    """Return the mappings of these controls that stood `as_of`."""
    rows: QuerySet[Mapping] = Mapping.objects.filter(standing(as_of), control_id__in=control_ids)
    return rows.select_related("playbook", "environment").order_by("control__position", "id")


def exceptions_of(control_ids: "list[uuid.UUID]", as_of: dt.datetime) -> "QuerySet[ControlException]":
    """Return the accepted risks of these controls that stood `as_of`."""
    rows: QuerySet[ControlException] = ControlException.objects.filter(standing(as_of), control_id__in=control_ids)
    return rows.order_by("-valid_until")
