"""Whether what templates and conditions name is known where they stand."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from playbooks_app.spec import graph, limits, template_text, templates
from playbooks_app.spec.expressions import ExpressionError, Reference, compile_expression
from playbooks_app.spec.positions import Path
from playbooks_app.spec.report import Report
from playbooks_app.spec.schema import Enrichment, Playbook, Step, StepKind

#: What a trigger knows: nothing has been looked up and nothing has run.
TRIGGER_NAMES = frozenset({"alert", "tenant", "environment", "now"})
#: What a step knows.
STEP_NAMES = TRIGGER_NAMES | {"enrichment", "inputs", "steps", "execution"}
#: What can be read of a step.
STEP_FACTS = ("output", "status", "simulated", "chosen")
#: What enrichment finds, and what has to be asked for in `enrich`.
ENRICHMENTS: Mapping[str, Enrichment] = {
    "asset": Enrichment.ASSETS,
    "user": Enrichment.USERS,
    "geoip": Enrichment.GEOIP,
    "threat_intel": Enrichment.THREAT_INTEL,
}

_LITERALS = {"True": "write true", "False": "write false", "None": "write null", "nil": "write null"}


@dataclasses.dataclass(frozen=True, slots=True)
class _Place:
    """A value in which expressions stand, and what they may name there."""

    path: Path
    value: Any
    is_condition: bool = False
    names: frozenset[str] = STEP_NAMES
    readable: frozenset[str] = frozenset()
    step: Step | None = None


def check_expressions(playbook: Playbook, known: tuple[str, ...], report: Report) -> None:
    """Report expressions that cannot be read, and names that are unknown where they stand."""
    checker = _Checker(playbook, known, report)
    for place in _places(playbook):
        if place.is_condition:
            checker.condition(place)
        else:
            checker.template(place)


def _places(playbook: Playbook) -> Iterator[_Place]:
    for index, trigger in enumerate(playbook.triggers):
        if trigger.when is not None:
            yield _Place(("triggers", index, "when"), trigger.when, is_condition=True, names=TRIGGER_NAMES)
    above = graph.upstream({step.id: step.needs for step in playbook.steps})
    for index, step in enumerate(playbook.steps):
        yield from _step_places(step, ("steps", index), above[step.id])
    yield _Place(("outputs",), playbook.outputs, readable=frozenset(above))


def _step_places(step: Step, path: Path, readable: frozenset[str]) -> Iterator[_Place]:
    conditions = {"if": step.condition, "choose": step.choose, "until": step.until}
    for key, text in conditions.items():
        if text is not None:
            yield _Place((*path, key), text, is_condition=True, readable=readable, step=step)
    looped = STEP_NAMES | {step.loop_variable} if step.for_each is not None else STEP_NAMES
    values = {"for_each": step.for_each, "instructions": step.instructions, "question": step.question}
    for key, value in values.items():
        yield _Place((*path, key), value, readable=readable, step=step)
    yield _Place((*path, "with"), step.params, names=looped, readable=readable, step=step)
    for index, field in enumerate(step.fields):
        yield _Place((*path, "fields", index, "default"), field.default, readable=readable, step=step)
    if step.rollback is not None:
        itself = readable | {step.id}
        yield _Place((*path, "rollback", "with"), step.rollback.params, names=looped, readable=itself, step=step)


class _Checker:
    def __init__(self, playbook: Playbook, known: tuple[str, ...], report: Report) -> None:
        self.playbook = playbook
        self.known = known
        self.steps = {step.id: step for step in playbook.steps}
        self.report = report
        self.expressions = 0
        self.characters = 0
        self.is_full = False

    def condition(self, place: _Place) -> None:
        if not self._counted(1, len(place.value), place.path):
            return
        try:
            expression = compile_expression(place.value)
        except ExpressionError as error:
            self._fault(place.path, error)
            return
        for reference in expression.references:
            self._reference(reference, place, place.path)

    def template(self, place: _Place) -> None:
        for inner, source in templates.texts(place.value):
            path = (*place.path, *inner)
            if not self._counted(source.count("{{"), len(source), path):
                return
            text = template_text.cut(source)
            for fault in text.faults:
                self._fault(path, fault)
            for reference in text.references:
                self._reference(reference, place, path)

    def _counted(self, count: int, size: int, path: Path) -> bool:
        """Whether the playbook may have so many expressions; the first one too many is reported."""
        if self.is_full or not count:
            return not self.is_full
        self.expressions += count
        self.characters += size
        if self.expressions > limits.EXPRESSIONS or self.characters > limits.EXPRESSIONS_CHARACTERS:
            self.is_full = True
            message = "the playbook holds too many expressions"
            expected = f"at most {limits.EXPRESSIONS} of {limits.EXPRESSIONS_CHARACTERS} characters together"
            self.report.error("too_large", path, message, expected=expected)
        return not self.is_full

    def _fault(self, path: Path, error: ExpressionError) -> None:
        self.report.text_error("expression", path, error.offset, error.message, error.hint)

    def _reference(self, reference: Reference, place: _Place, path: Path) -> None:
        root = reference.root
        if root not in place.names:
            if root in STEP_NAMES:
                message, hint = f"{root} is not known here", f"a trigger knows {', '.join(sorted(place.names))}"
            else:
                hint = _LITERALS.get(root) or self.report.suggest(root, place.names)
                message = f"the name {root!r} is unknown"
            self.report.text_error("unknown_name", path, reference.offset, message, hint)
        elif root == "steps":
            self._step(reference, place, path)
        elif root == "inputs":
            self._member(reference, path, self.playbook.inputs, "input")
        elif root == "enrichment" and self._member(reference, path, ENRICHMENTS, "enrichment"):
            self._enrichment(reference, path)

    def _member(self, reference: Reference, path: Path, known: Mapping[str, Any], word: str) -> bool:
        if len(reference.segments) < 2:
            return False
        name = str(reference.segments[1])
        if name in known:
            return True
        hint = self.report.suggest(name, known)
        self.report.text_error("unknown_name", path, reference.offset, f"there is no {word} {name!r}", hint)
        return False

    def _enrichment(self, reference: Reference, path: Path) -> None:
        wanted = ENRICHMENTS[str(reference.segments[1])]
        if wanted not in self.playbook.enrich:
            message = f"{reference.text} stays missing, since enrich does not list {wanted}"
            self.report.warning("not_enriched", path, message, offset=reference.offset)

    def _step(self, reference: Reference, place: _Place, path: Path) -> None:
        if len(reference.segments) < 3:
            self._refused(reference, path, "a step is read as steps.ID.output", "")
            return
        step_id, fact = str(reference.segments[1]), str(reference.segments[2])
        step = self.steps.get(step_id)
        if step is None:
            if step_id not in self.known:
                self._refused(reference, path, f"there is no step {step_id!r}", self.report.suggest(step_id, self.steps))
        elif fact not in STEP_FACTS or (fact == "chosen" and step.kind != StepKind.DECISION):
            facts = STEP_FACTS if step.kind == StepKind.DECISION else STEP_FACTS[:-1]
            self._refused(reference, path, f"{step_id} has no {fact!r}", self.report.suggest(fact, facts) or " ".join(facts))
        elif step_id not in place.readable:
            self._refused(reference, path, f"the step {step_id!r} may not have ended", "add it to needs")
        elif fact == "output" and not reference.guarded and not place.is_condition and self._may_be_skipped(step, place):
            message = f"{reference.text} is missing where {step_id!r} is skipped"
            self.report.warning("may_be_skipped", path, message, hint="add | default(…)", offset=reference.offset)

    def _refused(self, reference: Reference, path: Path, message: str, hint: str) -> None:
        self.report.text_error("unknown_step", path, reference.offset, message, hint)

    def _may_be_skipped(self, step: Step, place: _Place) -> bool:
        """Whether the reader can run where the step that it reads has been skipped."""
        if place.step is not None and place.step.id == step.id:
            return False
        if step.condition is not None:
            return True
        branches = [set(members) for decision in self.playbook.steps for members in decision.branches.values()]
        holding = [members for members in branches if step.id in members]
        if not holding:
            return False
        reader = place.step.id if place.step is not None else ""
        reading = [members for members in branches if reader in members]
        return not reading or any(step.id not in members for members in reading)
