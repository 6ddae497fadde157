"""The parts of an expression as closures over what is read. Building checks all that is known beforehand."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from playbooks_app.spec import limits
from playbooks_app.spec.expressions import filters, paths, patterns, values
from playbooks_app.spec.expressions.errors import ExpressionError, MissingValue
from playbooks_app.spec.expressions.paths import MISSING, Reference, Segment


@dataclasses.dataclass(slots=True)
class Context:
    """One evaluation: what is in scope, whether a missing path is an error, and what has been read."""

    scope: Mapping[str, object]
    strict: bool
    reads: dict[str, object]

    def lenient(self) -> "Context":
        """Return the same evaluation as a condition sees it: what is missing is null."""
        return Context(self.scope, strict=False, reads=self.reads)


Run = Callable[[Context], object]
R = TypeVar("R")
_DYNAMIC = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression: how to run it, how deep it nests, where it starts, which paths it names."""

    run: Run
    start: int
    depth: int = 1
    references: tuple[Reference, ...] = ()
    constant: object = _DYNAMIC

    @property
    def is_constant(self) -> bool:
        """Whether its value is known beforehand."""
        return self.constant is not _DYNAMIC


def literal(value: object, start: int) -> Node:
    """A value that is written out."""
    return Node(lambda context: value, start, constant=value)


def listing(items: Sequence[Node], start: int) -> Node:
    """A list that is written out."""
    runs = [item.run for item in items]

    def run(context: Context) -> object:
        members = [item(context) for item in runs]
        values.measure(members, limits.TEXT_CHARACTERS)
        return members

    return _node(run, start, items)


def path(segments: tuple[Segment, ...], start: int) -> Node:
    """A path into what is in scope."""
    if len(segments) > limits.PATH_SEGMENTS:
        raise ExpressionError(f"a path has at most {limits.PATH_SEGMENTS} parts", offset=start)
    reference = Reference(segments, start)
    text, root, rest = reference.text, reference.root, segments[1:]

    def run(context: Context) -> object:
        value = paths.lookup(context.scope.get(root, MISSING), rest)
        if value is not MISSING:
            context.reads[text] = value
            return value
        if context.strict:
            raise MissingValue(text, offset=start)
        context.reads[text] = None
        return None

    return Node(run, start, references=(reference,))


def choice(then: Node, condition: Node, otherwise: Node) -> Node:
    """`a if c else b`; the condition is read as one, so that what is missing in it is null."""

    def run(context: Context) -> object:
        chosen = then if condition.run(context.lenient()) else otherwise
        return chosen.run(context)

    condition = guarded(condition)
    return _node(run, then.start, (then, condition, otherwise))


def either(operands: Sequence[Node]) -> Node:
    """Whether one of the operands holds; the rest is not read once one does."""
    runs = [operand.run for operand in operands]
    return _node(lambda context: any(run(context) for run in runs), operands[0].start, operands)


def both(operands: Sequence[Node]) -> Node:
    """Whether every operand holds; the rest is not read once one does not."""
    runs = [operand.run for operand in operands]
    return _node(lambda context: all(run(context) for run in runs), operands[0].start, operands)


def negate(operand: Node) -> Node:
    """Whether the operand does not hold."""
    return _node(lambda context: not operand.run(context), operand.start, (operand,))


def compare(left: Node, operator: str, right: Node) -> Node:
    """Two values and an operator of `OPERATORS` between them."""
    if operator == "matches":
        return _matches(left, right)
    test = OPERATORS[operator]

    def run(context: Context) -> object:
        return _placed(left.start, test, left.run(context), right.run(context))

    return _node(run, left.start, (left, right))


def _matches(left: Node, right: Node) -> Node:
    fixed = _placed(right.start, patterns.compiled, right.constant) if right.is_constant else None

    def run(context: Context) -> object:
        text, pattern = left.run(context), fixed
        if pattern is None:
            given = right.run(context)
            pattern = None if given is None else _placed(right.start, patterns.compiled, given)
        if text is None or pattern is None:
            return False
        if not isinstance(text, str):
            raise ExpressionError(f"matches needs text, not {values.kind(text)}", offset=left.start)
        return patterns.found(pattern, text)

    return _node(run, left.start, (left, right))


def _not_after(left: object, right: object) -> bool:
    if left is None or right is None:
        return False
    return values.before(left, right) or values.equal(left, right)


OPERATORS: Mapping[str, Callable[[object, object], bool]] = {
    "==": values.equal,
    "!=": lambda left, right: not values.equal(left, right),
    "<": values.before,
    ">": lambda left, right: values.before(right, left),
    "<=": _not_after,
    ">=": lambda left, right: _not_after(right, left),
    "in": lambda left, right: values.contains(right, left),
    "contains": values.contains,
}


def filtered(operand: Node, name: str, arguments: Sequence[Node], start: int) -> Node:
    """A value through a filter; raises ExpressionError for an unknown filter or a wrong number of arguments."""
    chosen = _placed(start, filters.chosen, name, len(arguments))
    if name == "default":
        return _default(operand, arguments)
    runs = [argument.run for argument in arguments]

    def run(context: Context) -> object:
        value = operand.run(context)
        if value is None and not chosen.takes_null:
            return None
        given = [argument(context) for argument in runs]
        return values.capped(_placed(start, chosen.function, value, *given))

    return _node(run, operand.start, (operand, *arguments))


def _default(operand: Node, arguments: Sequence[Node]) -> Node:
    otherwise = arguments[0] if arguments else literal("", operand.start)

    def run(context: Context) -> object:
        try:
            value = operand.run(context)
        except MissingValue as missing:
            context.reads[missing.path] = None
            value = None
        return otherwise.run(context) if value is None else value

    return _node(run, operand.start, (guarded(operand), otherwise))


def guarded(node: Node) -> Node:
    """Return `node` with its paths marked as allowed to be missing."""
    return dataclasses.replace(
        node, references=tuple(dataclasses.replace(reference, guarded=True) for reference in node.references)
    )


def _node(run: Run, start: int, children: Sequence[Node]) -> Node:
    depth = 1 + max((child.depth for child in children), default=0)
    if depth > limits.EXPRESSION_DEPTH:
        raise ExpressionError(f"the expression nests deeper than {limits.EXPRESSION_DEPTH}", offset=start)
    references = tuple(reference for child in children for reference in child.references)
    return Node(run, start, depth, references)


def _placed(start: int, function: Callable[..., R], *given: object) -> R:
    try:
        return function(*given)
    except ExpressionError as error:
        error.offset = start
        raise
