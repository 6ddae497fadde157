"""What is recorded of an execution, as documents that evidence is made of. Secrets and alert content stay out."""

import dataclasses
import datetime as dt
from collections.abc import Iterator

from django.db.models import Q

from adapters.choices import CallStatus
from adapters.models import Call
from approvals.choices import Status
from approvals.models import Request
from audit.journal import chain
from audit.selectors import entries
from compliance.choices import ArtifactKind
from core import canonical, redaction
from incidents.models import Alert
from playbooks_app.choices import StepMode, StepStatus
from playbooks_app.models import Execution, StepRun

#: How a step that was really carried out ended.
PASSED = {StepStatus.COMPLETED: True, StepStatus.FAILED: False, StepStatus.UNCERTAIN: None}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One piece of evidence before it is kept."""

    kind: ArtifactKind
    name: str
    content: bytes
    effective_at: dt.datetime
    source: str
    step: str = ""
    passed: bool | None = None
    media_type: str = "application/json"
    redactions: tuple[str, ...] = ()


def of_execution(execution: Execution) -> list[Document]:
    """Return every document of a finished execution, in an order that does not change."""
    steps = list(execution.steps.order_by("position", "step_id"))
    requests = list(_requests(execution, steps))
    calls = list(_calls(execution, steps))
    documents = [_playbook(execution), *([_alert(execution.alert, execution)] if execution.alert else [])]
    documents += [_step(step, execution) for step in steps]
    documents += [_approval(request) for request in requests]
    documents += [_receipt(request) for request in requests if request.receipt]
    documents += [_call(call, steps, requests) for call in calls]
    return [*documents, _journal(execution)]


def queued_simulations(execution: Execution) -> int:
    """Return how many simulated writes of an execution still wait for people, or for being run."""
    waiting = Request.objects.filter(
        tenant_id=execution.tenant_id, status__in=[Status.PENDING, Status.APPROVED], simulated=True,
        stream=f"execution:{execution.pk}",
    )
    return waiting.count()


def omissions(execution: Execution) -> list[dict[str, str]]:
    """Return what an execution's evidence leaves out, each with its reason."""
    left_out = [{"what": "parameters and outputs of calls", "why": "They may hold secrets; their sha256 is kept."}]
    if execution.alert_id:
        left_out.append({"what": "the alert as received", "why": "It may hold personal data; its sha256 and chosen fields are kept."})
    for step in execution.steps.order_by("position", "step_id"):
        why = _not_real(step)
        left_out += [{"what": f"a real run of step {step.step_id}", "why": why}] if why else []
    return left_out


def _not_real(step: StepRun) -> str:
    """Return why no call stands behind a step; empty where one does, or none belongs there."""
    if step.status == StepStatus.SIMULATED:
        return "It was simulated and not run for real."
    if step.action and step.mode == StepMode.MANUAL:
        return "A person did it elsewhere and said so; what they noted is the evidence."
    if step.action and step.status == StepStatus.SKIPPED:
        return "It was skipped; its conditions are kept."
    return ""


def _requests(execution: Execution, steps: list[StepRun]) -> Iterator[Request]:
    rows = Request.objects.filter(tenant_id=execution.tenant_id, subject_id__in=[str(step.pk) for step in steps])
    yield from rows.select_related("environment").prefetch_related("decisions").order_by("id")


def _calls(execution: Execution, steps: list[StepRun]) -> Iterator[Call]:
    owned = Q(owner_kind="execution", owner_id=str(execution.pk)) | Q(owner_id__in=[str(step.pk) for step in steps])
    yield from Call.objects.filter(owned, tenant_id=execution.tenant_id).select_related("instance").order_by("id")


def _playbook(execution: Execution) -> Document:
    version = execution.version
    content = {
        "playbook": version.playbook.slug, "name": version.playbook.name, "version": version.number, "digest": version.digest,
        "level": version.level, "document": version.document, "activated_at": version.activated_at,
        "activated_by": version.activated_by.username if version.activated_by else None,
    }
    return Document(
        kind=ArtifactKind.PLAYBOOK, name=f"{version.playbook.slug}@{version.number}", content=canonical.dumps(content),
        effective_at=execution.started_at, source=f"playbook:{version.playbook_id}",
    )


def _alert(alert: Alert, execution: Execution) -> Document:
    fields = {
        "rule_name": alert.rule_name, "rule_id": alert.rule_id, "severity": alert.severity, "confidence": alert.confidence,
        "techniques": alert.techniques, "host": alert.host, "user": alert.user, "source": alert.trigger_source,
    }
    content = {
        "id": alert.pk, "sha256": alert.sha256, "occurred_at": alert.occurred_at, "received_at": alert.received_at,
        "fields": redaction.redact(fields),
    }
    return Document(
        kind=ArtifactKind.ALERT, name="alert", content=canonical.dumps(content), effective_at=alert.received_at,
        source=f"alert:{alert.pk}", redactions=("/original", *masked(fields, content["fields"], "/fields")),
    )


def _step(step: StepRun, execution: Execution) -> Document:
    free = {"params": step.params_shown, "output": step.output, "error": step.error, "simulation": step.simulation}
    shown = redaction.redact(free)
    content = {
        "execution": execution.pk, "step": step.step_id, "name": step.name, "kind": step.kind, "action": step.action,
        "effect": step.effect, "status": step.status, "mode": step.mode, "level": step.level, "attempt": step.attempt,
        "decision": step.decision, "approval": step.approval_id, "call": step.call_id, "evaluations": step.evaluations,
        "built_on_simulated": step.built_on_simulated, "started_at": step.started_at, "completed_at": step.completed_at,
        **(shown if isinstance(shown, dict) else {}),
    }
    return Document(
        kind=ArtifactKind.RESULT, name=f"step {step.step_id}{_mark(step)}", step=step.step_id, content=canonical.dumps(content),
        effective_at=step.completed_at or execution.completed_at or execution.started_at, source=f"execution:{execution.pk}",
        passed=None if step.mode == StepMode.SIMULATED else PASSED.get(StepStatus(step.status)),
        redactions=tuple(masked(free, shown, "")),
    )


def _mark(step: StepRun) -> str:
    """Return the words that keep what was not really done, or not by the machine, from being read as such."""
    marks = [step.mode] if step.mode in (StepMode.SIMULATED, StepMode.MANUAL) else []
    marks += ["built on simulated output"] if step.built_on_simulated else []
    return f" ({', '.join(marks)})" if marks else ""


def _approval(request: Request) -> Document:
    decisions = sorted(request.decisions.all(), key=lambda decision: decision.pk)
    content = {
        "id": request.pk, "title": request.title, "status": request.status, "document": request.document,
        "digest": request.digest, "call_digest": request.call_digest, "labels": request.labels, "quorum": request.quorum,
        "four_eyes": request.four_eyes, "roles": request.roles, "simulated": request.simulated,
        "requested_at": request.created_at, "decided_at": request.decided_at, "expires_at": request.expires_at,
        "decided_by_timeout": request.decided_by_timeout, "outcome": request.outcome,
        "decisions": [
            {"by": item.username, "role": item.role, "verdict": item.verdict, "digest": item.digest, "reason": item.reason, "at": item.at}
            for item in decisions
        ],
    }
    return Document(
        kind=ArtifactKind.APPROVAL, name=request.title, step=str(request.labels.get("step", "")),
        content=canonical.dumps(content), effective_at=request.decided_at or request.created_at, source=f"approval:{request.pk}",
    )


def _receipt(request: Request) -> Document:
    return Document(
        kind=ArtifactKind.RECEIPT, name=request.title, step=str(request.labels.get("step", "")),
        content=canonical.dumps({"approval": request.pk, "receipt": request.receipt}),
        effective_at=request.decided_at or request.created_at, source=f"approval:{request.pk}",
    )


def _call(call: Call, steps: list[StepRun], requests: list[Request]) -> Document:
    content = {
        "id": call.pk, "step": call.step, "purpose": call.purpose, "adapter": call.adapter, "adapter_version": call.adapter_version,
        "action": call.action, "effect": call.effect, "instance": call.instance.name if call.instance else None, "live": call.live,
        "attempt": call.attempt, "idempotency_key": call.idempotency_key, "params_digest": call.params_digest,
        "status": call.status, "result_digest": call.result_digest, "started_at": call.started_at,
        "finished_at": call.finished_at, "approval": _consent(call, steps, requests),
    }
    return Document(
        kind=ArtifactKind.CALL, name=f"{call.action} through {call.adapter}", step=call.step, content=canonical.dumps(content),
        effective_at=call.finished_at or call.started_at, source=f"call:{call.pk}",
        passed={CallStatus.SUCCEEDED: True, CallStatus.FAILED: False}.get(CallStatus(call.status)),
        redactions=("/params", "/output"),
    )


def _consent(call: Call, steps: list[StepRun], requests: list[Request]) -> str | None:
    """Return the request that allowed a step's write: the last one decided in its favour before the call was made."""
    if call.effect == "read" or call.purpose != "step":
        return None
    made = [step for step in steps if step.call_id == call.pk or step.step_id == call.step]
    # An iteration's consent was asked for once, of the step that it belongs to.
    subjects = {str(step.iteration_of_id or step.pk) for step in made}
    granted = [
        request
        for request in requests
        if request.subject_id in subjects
        and request.status in {Status.APPROVED, Status.EXECUTED}
        and request.decided_at
        and request.decided_at <= call.started_at
    ]
    return str(granted[-1].pk) if granted else None


def _journal(execution: Execution) -> Document:
    views = entries.of_stream(f"execution:{execution.pk}")
    lines = [canonical.dumps({**chain.canonical_form(view), "hash": view.hash}) + b"\n" for view in views]
    return Document(
        kind=ArtifactKind.JOURNAL, name="journal of the execution", content=b"".join(lines), media_type="application/x-ndjson",
        effective_at=views[-1].at if views else execution.started_at, source=f"execution:{execution.pk}",
    )


def masked(before: object, after: object, path: str) -> Iterator[str]:
    """Yield the JSON pointers of what redaction changed between `before` and `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before:
            yield from masked(before[key], after.get(key), f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from masked(*pair, f"{path}/{index}")
    elif before != after:
        yield path
