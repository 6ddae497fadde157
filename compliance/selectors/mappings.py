"""Which mappings and exceptions stand at a moment."""

import datetime as dt
import uuid

from django.db.models import Q, QuerySet

from compliance.models import ControlException, Mapping
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


def of_controls(control_ids: "list[uuid.UUID]", as_of: dt.datetime) -> "QuerySet[Mapping]":
    """Return the mappings of these controls that stood `as_of`."""
    rows: QuerySet[Mapping] = Mapping.objects.filter(standing(as_of), control_id__in=control_ids)
    return rows.select_related("playbook", "environment").order_by("control__position", "id")


def exceptions_of(control_ids: "list[uuid.UUID]", as_of: dt.datetime) -> "QuerySet[ControlException]":
    """Return the accepted risks of these controls that stood `as_of`."""
    rows: QuerySet[ControlException] = ControlException.objects.filter(standing(as_of), control_id__in=control_ids)
    return rows.order_by("-valid_until")
