"""Everything about a playbook that its shape does not say. Each check reports on its own, so all are run."""

from playbooks_app.spec import actions, flow, inputs, names
from playbooks_app.spec.catalogue import Catalogue
from playbooks_app.spec.report import Report
from playbooks_app.spec.schema import Playbook


def check(playbook: Playbook, report: Report, *, catalogue: Catalogue | None, known: tuple[str, ...] = ()) -> None:
    """Report what does not fit together.

    Without a catalogue, nothing is said about actions. `known` are ids of steps that could not be read.
    """
    ids = tuple(dict.fromkeys((*(step.id for step in playbook.steps), *known)))
    flow.check_ids(playbook, report)
    flow.check_references(playbook, ids, report)
    flow.check_cycles(playbook, report)
    flow.check_levels(playbook, report)
    flow.check_decisions(playbook, report)
    inputs.check_inputs(playbook, report)
    inputs.check_fields(playbook, report)
    names.check_expressions(playbook, ids, report)
    actions.check_unattended(playbook, catalogue, report)
    if catalogue is not None:
        actions.check_actions(playbook, catalogue, report)
        actions.check_rollbacks(playbook, catalogue, report)
