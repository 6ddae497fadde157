"""An expression, compiled once and evaluated as often as wanted."""

import dataclasses
import functools
from collections.abc import Mapping

from playbooks_app.spec.expressions import nodes, parser, values
from playbooks_app.spec.expressions.errors import ExpressionError
from playbooks_app.spec.expressions.paths import Reference


@dataclasses.dataclass(frozen=True, slots=True)
class Evaluation:
    """What an expression yielded, the paths that it read with their values, and its source text."""

    value: object
    reads: dict[str, object]
    text: str

    @property
    def holds(self) -> bool:
        """Whether the value counts as true: everything but null, false, 0, and empty text, lists and mappings."""
        return bool(self.value)


@dataclasses.dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression. `references` are the paths that it names."""

    text: str
    node: nodes.Node = dataclasses.field(repr=False, compare=False)

    @property
    def references(self) -> tuple[Reference, ...]:
        """Every path that the expression names, in the order of the source."""
        return self.node.references

    def evaluate(self, scope: Mapping[str, object], *, strict: bool) -> Evaluation:
        """Return the value over `scope` and what was read for it.

        `strict` is for templates: a missing path raises MissingValue unless a default follows. Otherwise, for
        conditions, it is null. Whatever else goes wrong raises ExpressionError, and nothing but that.
        """
        context = nodes.Context(scope, strict=strict, reads={})
        try:
            return Evaluation(values.capped(self.node.run(context)), context.reads, self.text)
        except RecursionError as error:
            raise ExpressionError("a value nests too deeply") from error
        except (ValueError, TypeError, OverflowError) as error:
            # Every operation checks its operands, so this is for values that no JSON reader yields.
            raise ExpressionError(f"a value cannot be worked with: {error}") from error


@functools.lru_cache(maxsize=4096)
def compile_expression(text: str) -> Expression:
    """Return `text` compiled; raises ExpressionError, with the offset, where it is not an expression."""
    return Expression(text, parser.parse(text))
