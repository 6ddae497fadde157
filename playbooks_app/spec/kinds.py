"""Which keys go with which kind of step."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from playbooks_app.spec.schema import StepKind

_COMMON = frozenset({"id", "name", "description", "kind", "needs", "if", "timeout", "on_error", "level"})
_REPEATED = frozenset({"for_each", "as", "max_parallel"})


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """The keys of one kind of step: those that must be there, those that may be, and those of which one must be."""

    kind: str
    required: frozenset[str]
    allowed: frozenset[str]
    one_of: frozenset[str] = frozenset()


def _shape(kind: StepKind, required: set[str], optional: set[str], one_of: set[str] | None = None) -> Shape:
    either = frozenset(one_of or ())
    return Shape(kind.value, frozenset(required), _COMMON | required | optional | either, either)


SHAPES: Mapping[str, Shape] = {
    shape.kind: shape
    for shape in (
        _shape(StepKind.ACTION, {"action"}, {"with", "adapter", "retry", "approval", "rollback", *_REPEATED}),
        _shape(StepKind.MANUAL, set(), {"instructions", "fields"}),
        _shape(StepKind.DECISION, {"branches"}, {"question", "choose"}),
        _shape(StepKind.WAIT, set(), {"every"}, {"duration", "until"}),
        _shape(StepKind.PLAYBOOK, {"playbook"}, {"with", *_REPEATED}),
    )
}


def shape_of(step: Mapping[str, Any]) -> Shape | None:
    """Return the keys that go with the kind of a step as it is written; None for an unknown kind."""
    kind = step.get("kind", StepKind.ACTION.value)
    return SHAPES.get(kind) if isinstance(kind, str) else None
