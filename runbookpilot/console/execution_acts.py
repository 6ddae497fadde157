"""What people do with executions: start, pause, cancel, roll back; complete, skip, decide or resolve a step."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.choices import Permission
from accounts.selectors import access
from core import clock
from core.errors import DomainError, Invalid
from incidents.models import Alert
from playbooks_app.choices import StepStatus
from playbooks_app.models import Execution, Playbook
from playbooks_app.services import closing, uncertain
from playbooks_app.services import executions as service
from runbookpilot.console import frame

#: Act -> the service of the whole execution, which needs a reason.
WHOLE = {
    "cancel": service.cancel,
    "abandon": closing.abandon,
    "rollback": service.rollback,
    "pause": service.pause,
    "resume": service.resume,
}
DONE = {
    "cancel": "It is being cancelled.",
    "rollback": "It is being rolled back.",
    "pause": "It pauses: nothing new starts.",
    "resume": "It goes on.",
    "abandon": "It was abandoned.",
}
TRUE = frozenset({"1", "true", "on", "yes"})


class NoSuchAct(Invalid):
    """There is no such action on an execution."""


class WrongAnswer(Invalid):
    """An answer in the form is not of the type that the step asks for."""

    code = "wrong_answer"


@require_POST
def act(request: HttpRequest, execution_id: uuid.UUID) -> HttpResponse:
    """Do one thing with an execution or one of its steps."""
    row: Execution = frame.visible(request, Execution.objects, execution_id)
    name, step = request.POST.get("act", ""), request.POST.get("step", "")
    try:
        access.require(frame.person(request), Permission.WORK_EXECUTIONS, row.tenant_id)
        _perform(request, row, name, step)
    except DomainError as error:
        frame.tell(request, error)
    else:
        if name in DONE:
            messages.success(request, DONE[name])
    chosen = "?tab=notes" if name == "note" else ""
    return redirect(reverse("admin:execution", args=[execution_id]) + chosen)


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Start a playbook by hand, for an alert where one is named."""
    playbook: Playbook = frame.visible(request, Playbook.objects, request.POST.get("playbook"))
    user, tenant = frame.person(request), playbook.tenant
    alert: Alert | None = frame.visible_in(Alert.objects.filter(tenant=tenant), request.POST["alert"]) if request.POST.get("alert") else None
    try:
        access.require(user, Permission.WORK_EXECUTIONS, tenant.pk)
        row = service.start(
            tenant=tenant,
            environment=alert.environment if alert else tenant.environments.get(is_default=True),
            version=playbook.active_version,
            alert=alert,
            inputs=_inputs(request, playbook),
            drill=bool(request.POST.get("drill")),
            title=request.POST.get("title", "")[:300],
            actor=user.actor(),
            now=clock.now(),
        )
    except DomainError as error:
        frame.tell(request, error)
        return frame.back(request, reverse("admin:playbook", args=[playbook.pk]))
    return redirect("admin:execution", row.pk)


def _perform(request: HttpRequest, row: Execution, name: str, step: str) -> None:
    reason = request.POST.get("reason", "")[:2000]
    common: dict[str, Any] = {"execution_id": row.pk, "actor": frame.person(request).actor(), "now": clock.now()}
    if name in WHOLE:
        WHOLE[name](reason=reason, **common)
    elif name == "note":
        service.note(text=reason, step_id=step, **common)
    elif name == "done":
        output = _answers(request, row, step)
        service.update_step(step_id=step, status=StepStatus.COMPLETED, note=reason, output=output, **common)
    elif name == "skip":
        service.update_step(step_id=step, status=StepStatus.SKIPPED, note=reason, **common)
    elif name == "choose":
        service.update_step(step_id=step, decision=request.POST.get("branch", ""), note=reason, **common)
    elif name == "take":
        service.update_step(step_id=step, assignee_id=frame.person(request).pk, **common)
    elif name in uncertain.ANSWERS:
        uncertain.answer(step_id=step, said=name, reason=reason, **common)
    else:
        raise NoSuchAct


def _answers(request: HttpRequest, row: Execution, step: str) -> dict[str, Any] | None:
    """Return the output that the form of a step gives: its fields, or lines of `name: value`; None where nothing was said."""
    steps = row.version.document.get("steps", [])
    written: Mapping[str, Any] = next((item for item in steps if item.get("id") == step.split("[")[0]), {})
    if written.get("fields"):
        return {field["name"]: _typed(field, request.POST.get(f"field-{field['name']}", "")) for field in written["fields"]}
    lines = [line.partition(":") for line in request.POST.get("output", "")[:20_000].splitlines() if line.strip()]
    if any(not colon or not name.strip() for name, colon, _ in lines):
        raise WrongAnswer("The output is written as one `name: value` a line.")
    return {name.strip(): _plain(value.strip()) for name, _, value in lines} or None


def _typed(field: Mapping[str, Any], given: str) -> Any:
    kind, label = field.get("type", "string"), field.get("label") or field["name"]
    if field.get("required") and not given.strip() and kind != "boolean":
        raise WrongAnswer(f"“{label}” has to be answered.")
    if kind == "boolean":
        return given.lower() in TRUE
    if kind == "choice" and given and given not in field.get("options", ()):
        raise WrongAnswer(f"“{label}” is one of: {', '.join(field.get('options', ()))}.")
    if kind not in ("integer", "number") or not given.strip():
        return given
    try:
        return int(given) if kind == "integer" else float(given)
    except ValueError as error:
        raise WrongAnswer(f"“{label}” is a number.") from error


def _plain(text: str) -> Any:
    """Return a number, true, false or null as what it is; everything else as the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, int | float | bool | None) else text


def _inputs(request: HttpRequest, playbook: Playbook) -> dict[str, Any]:
    version = playbook.active_version
    specs = version.document.get("inputs", {}) if version else {}
    given = {name: request.POST.get(f"input-{name}", "").strip() for name in specs}
    return {
        name: text if specs[name].get("type", "string") == "string" else _plain(text) for name, text in given.items() if text
    }
