"""What the format promises and this release does not run yet."""

from playbooks_app.spec.positions import Positions
from playbooks_app.spec.problems import Problem
from playbooks_app.spec.report import Report
from playbooks_app.spec.schema import Playbook

CODE = "not_available_yet"


def unavailable(playbook: Playbook, positions: Positions | None = None, filename: str = "playbook.yaml") -> list[Problem]:
    """Return a problem for each part of the playbook that is not available yet."""
    report = Report(filename, positions or Positions())
    if playbook.tests:
        report.warning(CODE, ("tests",), "running tests is not available yet; they are kept")
    return report.found
