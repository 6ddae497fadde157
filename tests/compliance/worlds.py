"""A tenant with a framework and a mapped playbook, and executions of it that have ended, as rows."""

import dataclasses
import datetime as dt
import json
from typing import Any

from django.db import transaction

from accounts.choices import Role
from accounts.models import Environment, Tenant, User
from adapters.choices import CallStatus
from adapters.models import Call
from approvals.models import Decision, Request
from audit import journal
from audit.choices import Kind
from compliance.models import Control, EvidenceBundle, Framework
from compliance.services import bundles, evidence, frameworks, mappings
from core import canonical, ids
from core.actors import system
from incidents.models import Alert
from playbooks_app.choices import ExecutionStatus, StepMode, StepStatus
from playbooks_app.models import Execution, Playbook, PlaybookVersion, StepRun
from tests import factories

NOW = factories.NOW
ENGINE = system("engine")
DAY = dt.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class World:
    tenant: Tenant
    environment: Environment
    officer: User
    framework: Framework
    control: Control
    playbook: Playbook
    version: PlaybookVersion


def catalogue(size: int = 3, version: str = "1") -> bytes:
    """An OSCAL catalogue with `size` controls in families of ten."""
    controls = [{"id": f"c-{number}", "title": f"Control {number}"} for number in range(1, size + 1)]
    groups = [{"id": f"g{at}", "title": f"Family {at // 10}", "controls": controls[at : at + 10]} for at in range(0, size, 10)]
    return json.dumps({"catalog": {"metadata": {"title": "Test", "version": version}, "groups": groups}}).encode()


def world(size: int = 3) -> World:
    """A tenant, its compliance officer, a framework, and a playbook that is mapped to nothing yet."""
    tenant = factories.tenant()
    officer = factories.user(Role.COMPLIANCE_OFFICER, tenant)
    framework = frameworks.import_oscal(tenant=tenant, content=catalogue(size), slug="test", actor=factories.SETUP, now=NOW)
    playbook, version = playbook_of(tenant, "contain")
    control = framework.controls.get(identifier="c-1")
    return World(tenant, factories.environment(tenant), officer, framework, control, playbook, version)


def playbook_of(tenant: Tenant, slug: str) -> tuple[Playbook, PlaybookVersion]:
    """A playbook with one version."""
    playbook = Playbook.objects.create(tenant=tenant, slug=slug, name=slug.title(), created_at=NOW)
    version = PlaybookVersion.objects.create(
        tenant=tenant, playbook=playbook, number="1.0.0", source="", document={"id": slug}, digest="0" * 64, level="L1"
    )
    return playbook, version


def execution(of: World, status: str = ExecutionStatus.COMPLETED, at: dt.datetime = NOW, **more: Any) -> Execution:
    """An execution that ended at `at`, with a step that isolated a host after it was approved, and its journal."""
    row = Execution.objects.create(
        tenant=of.tenant, environment=of.environment, version=of.version, alert=alert(of), title="Contain dc-1", status=status,
        level="L1", level_cap="tenant", started_by="trigger", started_at=at - dt.timedelta(minutes=5), completed_at=at, **more,
    )
    ended = StepStatus.COMPLETED if status == ExecutionStatus.COMPLETED else StepStatus.FAILED
    step = StepRun.objects.create(
        tenant=of.tenant, execution=row, step_id="isolate", position=1, name="Isolate", kind="action", action="edr.isolate_host",
        effect="reversible", status=ended, mode=StepMode.REAL, params_shown={"host": "dc-1"},
        output={"isolated": True, "api_key": "s3cret"}, started_at=at - dt.timedelta(minutes=2), completed_at=at,
    )
    request = approve(of, step, at - dt.timedelta(minutes=3))
    call = call_of(of, step, at - dt.timedelta(minutes=1))
    StepRun.objects.filter(pk=step.pk).update(approval_id=request.pk, call_id=call.pk)
    note(row, Kind.EXECUTION_STARTED, at)
    note(row, Kind.STEP_STARTED, at, ("step", step.pk), call=call.pk)
    note(row, Kind.STEP_FINISHED, at, ("step", step.pk), call=call.pk, result=call.result_digest)
    note(row, Kind.EXECUTION_FINISHED, at)
    return row


def note(of: Execution, kind: Kind, at: dt.datetime, subject: tuple[str, object] | None = None, **data: object) -> None:
    """An entry in an execution's stream; what it would wake is left asleep."""
    with transaction.atomic():
        journal.append(
            stream=f"execution:{of.pk}", kind=kind, actor=ENGINE, now=at, subject=subject or ("execution", of.pk),
            tenant_id=of.tenant_id, data=data,
        )


def alert(of: World) -> Alert:
    """An alert whose original bytes must not travel."""
    return Alert.objects.create(
        tenant=of.tenant, environment=of.environment, dedup_key=str(ids.new()), original=b"SENSITIVE", sha256="a" * 64, document={},
        received_at=NOW, rule_name="=cmd|' /C calc'!A0", host="dc-1",
    )


def document() -> dict[str, Any]:
    """What is approved: the call, and what was shown."""
    call = {"action": "edr.isolate_host", "adapter": "mock-edr", "adapter_version": "1", "params": {"host": "dc-1"}, "step": "isolate"}
    return {"call": call, "shown": {"impact": "1 host", "confidence": 0.9}}


def approve(of: World, step: StepRun, at: dt.datetime, **more: Any) -> Request:
    """A request for a step's write that a lead approved at `at`."""
    frozen = document()
    fields = {
        "subject_kind": "step", "subject_id": str(step.pk), "stream": f"execution:{step.execution_id}", "title": "Isolate dc-1",
        "document": frozen, "digest": canonical.digest(frozen), "call_digest": canonical.digest(frozen["call"]),
        "labels": {"step": "isolate"}, "status": "executed", "roles": ["lead"], "expires_at": at + DAY, "decided_at": at,
        "receipt": {"request": canonical.digest(frozen), "call": canonical.digest(frozen["call"]), "result": "b" * 64}, **more,
    }
    request = Request.objects.create(tenant=of.tenant, environment=of.environment, created_at=at, **fields)
    Decision.objects.create(
        request=request, user=of.officer, username="lead", role="lead", verdict="approve", digest=request.digest, at=at
    )
    note(step.execution, Kind.APPROVAL_DECIDED, at, ("approval", request.pk), digest=request.digest, status="approved")
    return request


def call_of(of: World, step: StepRun, at: dt.datetime, params: dict[str, object] | None = None) -> Call:
    """The call that was made for a step."""
    return Call.objects.create(
        tenant=of.tenant, environment="production", owner_kind="execution", owner_id=str(step.execution_id), step=step.step_id,
        adapter="mock-edr", adapter_version="1", action="edr.isolate_host", effect="reversible", idempotency_key="k",
        params_digest=canonical.digest(params or {"host": "dc-1"}), status=CallStatus.SUCCEEDED, result_digest="b" * 64,
        started_at=at, finished_at=at,
    )


def mapped(of: World, **more: Any) -> Any:
    """The playbook mapped to the first control, valid from a year before."""
    given = {"valid_from": NOW - 365 * DAY, **more}
    return mappings.add(control=of.control, playbook=of.playbook, actor=of.officer.actor(), now=NOW, **given)


def sealed(of: World, at: dt.datetime = NOW, status: str = ExecutionStatus.COMPLETED) -> EvidenceBundle:
    """A sealed bundle of an execution that ended at `at`."""
    run = execution(of, status, at)
    bundle = evidence.capture(execution_id=run.pk, actor=ENGINE, now=at)
    assert bundle is not None
    return bundles.seal(bundle_id=bundle.pk, actor=ENGINE, now=at)
