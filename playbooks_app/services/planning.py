"""Before the first step: enrichment, each source bounded in time, its failure recorded and never in the way."""

import datetime as dt
from typing import Any

from django.db import transaction

from adapters import calls, instances
from adapters.choices import CallPurpose
from audit.choices import Kind
from core import clock, redaction
from core.errors import DomainError
from playbooks_app.choices import ExecutionStatus
from playbooks_app.engine import states
from playbooks_app.models import Execution
from playbooks_app.selectors import snapshots
from playbooks_app.services import journaling, leases
from playbooks_app.services.leases import Lease
from playbooks_app.spec import expressions
from playbooks_app.spec.schema import Playbook

SECONDS = 5.0

#: What a playbook calls it -> (its place under `enrichment`, [(action, parameter, where the alert has it)]), first found wins.
SOURCES: dict[str, tuple[str, tuple[tuple[str, str, str], ...]]] = {
    "geoip": ("geoip", (("geo.lookup", "ip", "alert.source.ip"), ("geo.lookup", "ip", "alert.destination.ip"))),
    "assets": ("asset", (("asset.lookup", "host", "alert.host.name"),)),
    "users": ("user", (("user.lookup", "user", "alert.user.name"),)),
    "threat_intel": (
        "threat_intel",
        (
            ("intel.enrich_hash", "hash", "alert.process.hash.sha256"),
            ("intel.enrich_hash", "hash", "alert.file.hash.sha256"),
            ("intel.enrich_ip", "ip", "alert.destination.ip"),
            ("intel.enrich_domain", "domain", "alert.dns.question.name"),
        ),
    ),
}


def plan(execution: Execution, lease: Lease) -> None:
    """Enrich, then let the execution begin."""
    if execution.status == ExecutionStatus.IDLE:
        _move(execution, ExecutionStatus.PLANNING, lease)
    playbook = snapshots.playbook_of(execution)
    found = {place: answer for place, answer in (_enriched(execution, playbook, str(name)) for name in playbook.enrich) if answer}
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        execution.enrichment = found
        execution.status = states.execution(execution.status, ExecutionStatus.EXECUTING)
        execution.save(update_fields=["enrichment", "status"])
        failed = sorted(place for place, answer in found.items() if "error" in answer)
        journaling.of_execution(
            execution, Kind.EXECUTION_PLANNED, now=now, status=execution.status, enriched=sorted(found), failed=failed
        )


def _enriched(execution: Execution, playbook: Playbook, name: str) -> tuple[str, dict[str, Any]]:
    place, attempts = SOURCES[name]
    scope = snapshots.scope(execution, playbook, {}, clock.now())
    for action, parameter, path in attempts:
        value = expressions.compile_expression(path).evaluate(scope, strict=False).value
        if value:
            return place, _looked_up(execution, action, {parameter: str(value)[:500]}, clock.now())
    return place, {}


def _looked_up(execution: Execution, action: str, params: dict[str, str], now: dt.datetime) -> dict[str, Any]:
    try:
        instance = instances.resolve(tenant_id=execution.tenant_id, environment_id=execution.environment_id, action=action)
    except DomainError as error:
        return {"error": error.detail}
    with transaction.atomic():
        call = calls.intend(
            instance=instance, environment=execution.environment.slug, owner=("execution", execution.pk), step="", action=action,
            params=params, key="", attempt=1, now=now, purpose=CallPurpose.ENRICH,
        )  # fmt: skip
    outcome = calls.send(call, timeout=SECONDS)
    with transaction.atomic():
        calls.conclude(call, outcome, now=clock.now())
    if outcome.error is not None:
        return {"error": outcome.error.message}
    answer: Any = redaction.redact(outcome.output)
    return {**answer, "source": instance.name, "at": clock.iso(now)}


def _move(execution: Execution, status: ExecutionStatus, lease: Lease) -> None:
    now = clock.now()
    with transaction.atomic():
        leases.hold(lease, now=now)
        execution.status = states.execution(execution.status, status)
        execution.save(update_fields=["status"])
        journaling.of_execution(execution, Kind.EXECUTION_STATUS, now=now, status=status)
