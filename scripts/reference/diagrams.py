"""Diagrams: state machines, layers, the pipeline, and the flow of a playbook; each drawn from what the program runs."""

import inspect
import itertools
import re
import tomllib
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from adapters import registry
from approvals.choices import TRANSITIONS
from approvals.choices import Status as RequestStatus
from audit.choices import Kind
from incidents.choices import INCIDENT_TRANSITIONS
from playbooks_app.choices import ExecutionStatus, StepStatus
from playbooks_app.engine import states as tables
from playbooks_app.services import playbooks
from playbooks_app.spec import loader
from playbooks_app.spec.schema import ApprovalPolicy, Level, Step, StepKind
from runbookpilot import wiring
from scripts.reference import markdown

ROOT = Path(__file__).resolve().parents[2]


def states() -> str:
    """The state machines of executions, steps, requests and incidents."""
    return markdown.page(
        "States",
        "Every transition that is not drawn here is refused by the engine, which raises an error and changes nothing.",
        "## Executions",
        _words(ExecutionStatus),
        markdown.mermaid(tables.mermaid(tables.EXECUTION)),
        "## Steps",
        _words(StepStatus),
        markdown.mermaid(tables.mermaid(tables.STEP)),
        f"A step that is {_sentence_of(sorted(tables.ENDED))} has ended, and lets those that need it start.",
        "## Approval requests",
        _words(RequestStatus),
        _machine(TRANSITIONS),
        "## Incidents",
        _machine(INCIDENT_TRANSITIONS),
    )


def _sentence_of(words: list[str]) -> str:
    *first, last = [word.replace("_", " ") for word in words]
    return f"{', '.join(first)} or {last}"


def _machine(table: Mapping[str, frozenset[str]]) -> str:
    rows = sorted(f"    {before} --> {after}" for before, afters in table.items() for after in afters)
    return markdown.mermaid("\n".join(["stateDiagram-v2", *rows]))


def _words(enum: type[Enum]) -> str:
    said = dict(re.findall(r'= "(\w+)".*?  #: (.+)', inspect.getsource(enum)))
    return markdown.table(["State", "Means"], [(markdown.code(item.value), said.get(item.value, "")) for item in enum])


def layers(_argument: str) -> str:
    """The layers of the apps, from the contract that is checked."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    [rows] = [contract["layers"] for contract in contracts if contract["id"] == "flow"]
    ranks = [[name.strip() for name in row.split("|")] for row in rows]
    lines = ["flowchart TB", *(f'    {name}["{name}"]' for rank in ranks for name in rank)]
    lines += [f"    {above} --> {below}" for upper, lower in itertools.pairwise(ranks) for above in upper for below in lower]
    return markdown.mermaid("\n".join(lines)) + "\n"


def pipeline(_argument: str) -> str:
    """Which kinds of events wake which tasks, from the wiring."""
    lines = ["flowchart LR"]
    for kind, handlers in wiring.HANDLERS.items():
        lines += [f'    {_node(kind)}(["{Kind(kind).value}"]) --> {_node(handler)}["{handler}"]' for handler in handlers]
    return markdown.mermaid("\n".join(lines)) + "\n"


def _node(text: str) -> str:
    return re.sub(r"\W", "_", text)


def flow(slug: str) -> str:
    """The steps of a playbook of the library, with their needs and branches."""
    source = (ROOT / "playbooks" / f"{slug}.yaml").read_text(encoding="utf-8")
    found = loader.load(source, catalogue=playbooks.catalogue()).playbook
    if found is None:
        raise ValueError(f"The playbook {slug} is not valid.")
    branched = {(step.id, member): branch for step in found.steps for branch, members in step.branches.items() for member in members}
    lines = ["flowchart TD", '    alert(["alert"])']
    for step in found.steps:
        lines.append(f"    {_node(step.id)}{_shape(step, found.approval_policy)}")
        for need in step.needs or ("alert",):
            branch = branched.get((need, step.id))
            lines.append(f"    {_node(need)} -->{f'|{branch}|' if branch else ''} {_node(step.id)}")
    lines += [f"    {_node(a)} -->|{branch}| {_node(b)}" for (a, b), branch in branched.items() if a not in _step(found.steps, b).needs]
    return markdown.mermaid("\n".join(lines)) + "\n"


def _asking(step: Step, policy: ApprovalPolicy) -> str:
    info = registry.actions().get(step.action or "")
    if step.kind is StepKind.DECISION:
        return "a person decides" if step.choose is None else ""
    if step.kind is StepKind.MANUAL or step.level is Level.L0:
        return "a person does it"
    if info is None or not info.effect.is_write or info.notification:
        return ""
    if step.level is Level.L2:
        return "rehearsed and queued"
    quorum = (step.approval.over(policy) if step.approval else policy).quorum
    return f"asks {'one person' if quorum == 1 else f'{quorum} people'}"


def _step(steps: tuple[Step, ...], name: str) -> Step:
    return next(step for step in steps if step.id == name)


def _shape(step: Step, policy: ApprovalPolicy) -> str:
    words = "<br>".join(filter(None, (f"{step.id}: {step.title}", step.action, _asking(step, policy)))).replace('"', "'")
    return {StepKind.DECISION: f'{{"{words}"}}', StepKind.MANUAL: f'[/"{words}"/]'}.get(step.kind, f'["{words}"]')
