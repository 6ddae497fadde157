"""Source text to nodes: the grammar is read once, and the parser calls the builder as it goes, without recursion."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lark

from playbooks_app.spec import limits
from playbooks_app.spec.expressions import nodes
from playbooks_app.spec.expressions.errors import ExpressionError
from playbooks_app.spec.expressions.nodes import Node
from playbooks_app.spec.expressions.paths import Segment

RESERVED = frozenset({"and", "or", "not", "in", "contains", "matches", "if", "else", "true", "false", "null"})

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_HINTS = {
    "=": "write == to compare", "&": "write and", "!": "write not", "(": "only filters are called: value | name(…)",
    "+": "there is no arithmetic", "*": "there is no arithmetic", "/": "there is no arithmetic",
    "{": "a condition stands without {{ }}", "|": "write or", "}": "there are no mapping literals",
}  # fmt: skip


def parse(source: str) -> Node:
    """Return the node of an expression; raises ExpressionError, with the offset, where it is not one."""
    if len(source) > limits.EXPRESSION_CHARACTERS:
        raise ExpressionError(f"the expression is longer than {limits.EXPRESSION_CHARACTERS} characters", offset=0)
    if not source.strip():
        raise ExpressionError("the expression is empty", offset=0)
    try:
        node: Any = _PARSER.parse(source)
    except lark.exceptions.UnexpectedInput as error:
        raise _refused(source, error) from error
    return node if isinstance(node, Node) else Node(node, 0)


def _refused(source: str, error: lark.exceptions.UnexpectedInput) -> ExpressionError:
    if isinstance(error, lark.exceptions.UnexpectedToken) and error.token.type == "$END":
        return ExpressionError("the expression ends too early", offset=len(source))
    offset = error.pos_in_stream or 0
    found = re.match(r"[\w@-]{1,40}|.", source[offset:], re.DOTALL)
    word = found.group() if found else ""
    if word in ("'", '"'):
        return ExpressionError("the text is not closed", offset=offset)
    return ExpressionError(f"{word!r} does not fit here", offset=offset, hint=_HINTS.get(word, ""))


def unquoted(token: str) -> str:
    """Return the text of a string literal; a backslash before any other character stands for itself."""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), token[1:-1], flags=re.DOTALL)


def _number(token: lark.Token) -> int | float:
    value = int(token) if re.fullmatch(r"-?[0-9]{1,400}", token) else float(token)
    if abs(value) >= limits.INTEGER or not math.isfinite(value):
        raise ExpressionError("the number is too large", offset=token.start_pos)
    return value


class _Builder(lark.Transformer[lark.Token, Node]):
    """One method for each rule of the grammar. Stateless, so that threads may share it."""

    def number(self, children: Sequence[lark.Token]) -> Node:
        return nodes.literal(_number(children[0]), _start(children[0]))

    def text(self, children: Sequence[lark.Token]) -> Node:
        return nodes.literal(unquoted(children[0]), _start(children[0]))

    def true(self, children: Sequence[lark.Token]) -> Node:
        return nodes.literal(True, _start(children[0]))

    def false(self, children: Sequence[lark.Token]) -> Node:
        return nodes.literal(False, _start(children[0]))

    def null(self, children: Sequence[lark.Token]) -> Node:
        return nodes.literal(None, _start(children[0]))

    def arguments(self, children: Sequence[Node]) -> list[Node]:
        return list(children)

    def items(self, children: Sequence[Any]) -> Node:
        bracket, members = children
        return nodes.listing(members or [], _start(bracket))

    def member(self, children: Sequence[lark.Token]) -> list[Segment]:
        return [str(children[0])]

    def key(self, children: Sequence[lark.Token]) -> list[Segment]:
        # A dotted key and the path through nested objects are the same question.
        return list(unquoted(children[1]).split("."))

    def index(self, children: Sequence[lark.Token]) -> list[Segment]:
        value = _number(children[1])
        if not isinstance(value, int):
            raise ExpressionError("an index has to be a whole number", offset=children[1].start_pos)
        return [value]

    def path(self, children: Sequence[Any]) -> Node:
        name, *rest = children
        if name in RESERVED:
            raise ExpressionError(f"{str(name)!r} does not fit here", offset=name.start_pos)
        return nodes.path((str(name), *(segment for segments in rest for segment in segments)), _start(name))

    def filtered(self, children: Sequence[Any]) -> Node:
        operand, name, *rest = children
        arguments = rest[0] if rest and rest[0] else []
        return nodes.filtered(operand, str(name), arguments, _start(name))

    def compare(self, children: Sequence[Any]) -> Node:
        left, operator, right = children
        return nodes.compare(left, str(operator), right)

    def compare_not(self, children: Sequence[Any]) -> Node:
        return nodes.negate(self.compare(children))

    def negate(self, children: Sequence[Node]) -> Node:
        return nodes.negate(children[0])

    def both(self, children: Sequence[Node]) -> Node:
        return nodes.both(children)

    def either(self, children: Sequence[Node]) -> Node:
        return nodes.either(children)

    def choice(self, children: Sequence[Node]) -> Node:
        then, condition, otherwise = children
        return nodes.choice(then, condition, otherwise)


def _start(token: lark.Token) -> int:
    return token.start_pos or 0


_PARSER = lark.Lark(
    (Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8"),
    parser="lalr",
    lexer="contextual",
    transformer=_Builder(),
    maybe_placeholders=True,
)
