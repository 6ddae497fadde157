"""Whether the steps fit together: ids, needs, branches, cycles, levels."""

from collections import Counter
from collections.abc import Sequence

from playbooks_app.spec import graph
from playbooks_app.spec.positions import Path
from playbooks_app.spec.report import Report
from playbooks_app.spec.schema import Playbook, StepKind

#: Steps of a long cycle that are named.
_SHOWN = 10


def check_ids(playbook: Playbook, report: Report) -> None:
    """Report ids that more than one step has."""
    counts = Counter(step.id for step in playbook.steps)
    first: dict[str, int] = {}
    for index, step in enumerate(playbook.steps):
        if step.id in first and counts[step.id] > 1:
            line = report.positions.of_value(("steps", first[step.id], "id")).line
            message = f"the id {step.id!r} is taken by the step in line {line}"
            report.error("duplicate_id", ("steps", index, "id"), message)
        first.setdefault(step.id, index)


def check_references(playbook: Playbook, known: Sequence[str], report: Report) -> None:
    """Report needs, branches and expectations that name no step."""
    for index, step in enumerate(playbook.steps):
        for place, need in enumerate(step.needs):
            itself = f"the step {need!r} needs itself"
            _check_name(need, step.id, ("steps", index, "needs", place), known, itself, report)
        for branch, members in step.branches.items():
            for place, member in enumerate(members):
                itself = f"the decision {member!r} stands in its own branch"
                _check_name(member, step.id, ("steps", index, "branches", branch, place), known, itself, report)
    for index, test in enumerate(playbook.tests):
        for step_id in test.expect:
            if step_id not in known:
                path = ("tests", index, "expect", step_id)
                report.key_error("unknown_step", path, f"there is no step {step_id!r}", hint=report.suggest(step_id, known))


def _check_name(name: str, own: str, path: Path, known: Sequence[str], itself: str, report: Report) -> None:
    if name == own:
        report.error("cycle", path, itself)
    elif name not in known:
        report.error("unknown_step", path, f"there is no step {name!r}", hint=report.suggest(name, known))


def check_cycles(playbook: Playbook, report: Report) -> None:
    """Report each cycle once, with the steps that it goes through."""
    needs = {step.id: step.needs for step in playbook.steps}
    places = {step.id: index for index, step in reversed(list(enumerate(playbook.steps)))}
    for cycle in graph.cycles(needs):
        shown = cycle if len(cycle) <= _SHOWN else (*cycle[:_SHOWN], "…")
        way = " → ".join((*shown, cycle[0]))
        report.error("cycle", ("steps", places[cycle[0]]), f"these steps wait for each other: {way}")


def check_levels(playbook: Playbook, report: Report) -> None:
    """Report steps that go further than the playbook may."""
    for index, step in enumerate(playbook.steps):
        if step.level > playbook.level:
            message = f"the step asks for {step.level}, but the playbook is at {playbook.level}"
            report.error("level", ("steps", index, "level"), message, expected=f"at most {playbook.level}")


def check_decisions(playbook: Playbook, report: Report) -> None:
    """Report decisions between nothing."""
    for index, step in enumerate(playbook.steps):
        if step.kind == StepKind.DECISION and "branches" in step.model_fields_set and not step.branches:
            report.error("branches", ("steps", index, "branches"), "a decision has at least one branch")
