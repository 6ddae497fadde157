"""What the format promises and this release does not run yet."""

from playbooks_app.spec.positions import Positions
from playbooks_app.spec.problems import Problem
from playbooks_app.spec.report import Report
from playbooks_app.spec.schema import Playbook, StepKind

CODE = "not_available_yet"

_KINDS = frozenset({StepKind.WAIT, StepKind.PLAYBOOK})


def unavailable(playbook: Playbook, positions: Positions | None = None, filename: str = "playbook.yaml") -> list[Problem]:
    """Return a problem for each part of the playbook that is not available yet."""
    report = Report(filename, positions or Positions())
    for index, step in enumerate(playbook.steps):
        if step.kind in _KINDS:
            report.error(CODE, ("steps", index, "kind"), f"kind: {step.kind} is not available yet")
        if step.for_each is not None:
            report.key_error(CODE, ("steps", index, "for_each"), "for_each is not available yet")
    if playbook.tests:
        report.warning(CODE, ("tests",), "running tests is not available yet; they are kept")
    return report.found
