"""Executions and the incidents that they belong to."""

import datetime as dt
import uuid

from django.db import transaction

from audit.choices import Kind
from core.actors import Actor
from core.errors import NotFound
from incidents.models import Incident
from playbooks_app.models import Execution
from playbooks_app.services import executions, journaling, leases


class NoSuchIncident(NotFound):
    """There is no such incident in the execution's tenant."""


def link(*, execution_id: uuid.UUID, incident_id: uuid.UUID, actor: Actor, now: dt.datetime) -> Execution:
    """Let an execution belong to an incident; one that belongs to an incident already stays with that one."""
    with transaction.atomic():
        execution = executions.locked(execution_id)
        if execution.incident_id is not None:
            return execution
        incident = Incident.objects.filter(pk=incident_id, tenant=execution.tenant_id).first()
        if incident is None:
            raise NoSuchIncident
        execution.incident = incident
        execution.save(update_fields=["incident"])
        journaling.of_execution(execution, Kind.EXECUTION_LINKED, now=now, actor=actor, incident=str(incident.pk))
        # Whoever drives it, or has read it and is about to, reads it anew: what is asked from now on names the incident.
        leases.wake(execution.pk, now=now)
    return execution
