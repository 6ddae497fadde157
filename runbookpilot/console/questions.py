"""What is known of a write of which nobody knows whether it happened, and what each answer to the question would do."""

import dataclasses
from typing import Any

from adapters import registry
from adapters.models import Call
from approvals.models import Request
from core.errors import DomainError
from playbooks_app.choices import StepStatus
from playbooks_app.models import StepRun
from playbooks_app.services import outcomes, uncertain

#: Parameters by which a write's target is known.
TARGETS = ("host", "ip", "domain", "user", "username", "path", "file")
#: A write -> what the worker was doing, and what the target is when it was done.
ASKED = {
    "edr.isolate_host": ("isolating", "isolated"),
    "edr.unisolate_host": ("releasing", "released"),
    "edr.quarantine_file": ("quarantining", "quarantined"),
    "firewall.block_ip": ("blocking", "blocked"),
    "firewall.unblock_ip": ("unblocking", "unblocked"),
    "firewall.block_domain": ("blocking", "blocked"),
    "firewall.unblock_domain": ("unblocking", "unblocked"),
    "identity.disable_user": ("disabling", "disabled"),
    "identity.enable_user": ("enabling", "enabled"),
}


@dataclasses.dataclass(frozen=True, slots=True)
class Question:
    """The question about one step: its words, the answers in words, and what is known of the call.

    One that is `over` starts nothing anew: its execution has ended, or ends when it is answered.
    """

    step: StepRun
    words: str
    yes: str
    no: str
    call: Call | None
    request: Request | None
    look: str
    queued: bool
    over: bool


def of(step: StepRun | None) -> Question | None:
    """Return the question that a step asks; None where it asks none."""
    if step is None or step.status != StepStatus.UNCERTAIN:
        return None
    call = Call.objects.select_related("instance").filter(pk=step.call_id).first() if step.call_id else None
    consent = step.iteration_of.approval_id if step.iteration_of else step.approval_id
    request = Request.objects.prefetch_related("decisions").filter(pk=consent).first() if consent else None
    words, yes, no = _words(step)
    queued = bool(request and request.simulated)
    over = not queued and (uncertain.is_over(step.execution, step) or outcomes.is_left_open(step))
    return Question(step, words, yes, no, call, request, _look(call), queued, over)


def _words(step: StepRun) -> tuple[str, str, str]:
    params: dict[str, Any] = step.params_shown or {}
    target = next((str(params[name]) for name in TARGETS if params.get(name)), "")
    doing, done = ASKED.get(step.action, ("", ""))
    if not (target and doing):
        return f"The worker stopped during “{step.name}”. Did it happen?", "Yes, it happened", "No, it did not happen"
    return (
        f"The worker stopped while {doing} {target}. Is {target} {done}?",
        f"Yes, {target} is {done}",
        f"No, {target} is not {done}",
    )


def _look(call: Call | None) -> str:
    """Return the read by which the adapter can tell; empty where it has none."""
    try:
        return registry.adapter(call.adapter).action(call.action).look if call else ""
    except (DomainError, KeyError):
        return ""
