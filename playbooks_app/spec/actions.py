"""Whether the actions of a playbook exist, get what they need, and are allowed to act unattended."""

from collections.abc import Iterator
from typing import Any

from playbooks_app.spec import parameters
from playbooks_app.spec.catalogue import Catalogue
from playbooks_app.spec.positions import Path
from playbooks_app.spec.report import Report
from playbooks_app.spec.schema import ApprovalPolicy, OnTimeout, Playbook, Step


def check_actions(playbook: Playbook, catalogue: Catalogue, report: Report) -> None:
    """Report unknown actions and parameters that do not fit."""
    for path, action, params in _calls(playbook):
        info = catalogue.get(action)
        if info is None:
            hint = report.suggest(action, catalogue)
            report.error("unknown_action", (*path, "action"), f"the action {action!r} is unknown", hint=hint)
        else:
            parameters.check(params, {"type": "object", **info.params_schema}, (*path, "with"), report)
    for index, test in enumerate(playbook.tests):
        for action in test.mock:
            if action not in catalogue:
                place = ("tests", index, "mock", action)
                hint = report.suggest(action, catalogue)
                report.key_error("unknown_action", place, f"the action {action!r} is unknown", hint=hint)


def _calls(playbook: Playbook) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    for index, step in enumerate(playbook.steps):
        if step.action is not None:
            yield ("steps", index), step.action, step.params
        if step.rollback is not None:
            yield ("steps", index, "rollback"), step.rollback.action, step.rollback.params


def check_rollbacks(playbook: Playbook, catalogue: Catalogue, report: Report) -> None:
    """Warn of writes that nothing undoes."""
    for index, step in enumerate(playbook.steps):
        info = catalogue.get(step.action or "")
        if info is None or not info.is_write or info.notification or step.rollback is not None:
            continue
        if info.effect == "irreversible":
            report.warning("no_rollback", ("steps", index), f"the step {step.id!r} cannot be undone")
        else:
            hint = f"its undo is {info.undo}" if info.undo else ""
            message = f"the step {step.id!r} changes something and has no rollback"
            report.warning("no_rollback", ("steps", index), message, hint=hint)


def check_unattended(playbook: Playbook, catalogue: Catalogue | None, report: Report) -> None:
    """Report `on_timeout: approve` where nobody's consent may not stand for somebody's."""
    policy = playbook.approval_policy
    if policy.on_timeout == OnTimeout.APPROVE:
        for reason in _reasons(policy):
            _refuse(("approval_policy", "on_timeout"), reason, report)
    for index, step in enumerate(playbook.steps):
        if step.action is None:
            continue
        merged = playbook.policy_for(step)
        if merged.on_timeout == OnTimeout.APPROVE:
            _check_step(playbook, step, index, merged, catalogue, report)


def _check_step(
    playbook: Playbook, step: Step, index: int, policy: ApprovalPolicy, catalogue: Catalogue | None, report: Report
) -> None:
    path: Path = ("steps", index, "approval", "on_timeout")
    if step.approval is None:
        path = ("steps", index, "action")
    elif step.approval.on_timeout is None:
        path = ("steps", index, "approval")
    if step.approval is not None:
        inherited = set(_reasons(playbook.approval_policy)) if step.approval.on_timeout is None else set()
        for reason in _reasons(policy):
            if reason not in inherited:
                _refuse(path, reason, report)
    info = catalogue.get(step.action or "") if catalogue is not None else None
    if info is not None and info.effect == "irreversible":
        _refuse(path, f"{info.name}, which cannot be undone", report)


def _reasons(policy: ApprovalPolicy) -> Iterator[str]:
    if policy.four_eyes:
        yield "four eyes"
    if policy.quorum > 1:
        yield f"a quorum of {policy.quorum}"


def _refuse(path: Path, reason: str, report: Report) -> None:
    report.error("unattended_approval", path, f"on_timeout: approve does not go with {reason}", expected="halt or skip")
