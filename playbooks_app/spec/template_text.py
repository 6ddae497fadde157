"""One text with `{{ … }}` in it: cut into parts once, rendered as often as wanted.

Rendering walks the parts of the source alone. What an expression yields is put into the result as it is, and is
never looked at again, so that a value that looks like a template stays a value.
"""

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence

from playbooks_app.spec import limits
from playbooks_app.spec.expressions import (
    Evaluation,
    Expression,
    ExpressionError,
    MissingValue,
    Reference,
    as_text,
    compile_expression,
)

_PIECE = re.compile(r"""[^'"}]+|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\}(?!\})""", re.DOTALL)
_WORD = re.compile(r"\s*(if|elif|else\s+if|else|end)(?![\w@-])\s*")


@dataclasses.dataclass(slots=True)
class Rendering:
    """One rendering: what is in scope, whether an absent step output is marked, and what has been read so far."""

    scope: Mapping[str, object]
    mark: bool
    reads: dict[str, object] = dataclasses.field(default_factory=dict)
    size: int = 0

    def value(self, expression: Expression, *, strict: bool) -> object:
        """Return what the expression yields; an absent step output is its marker where absent ones are marked."""
        try:
            evaluation: Evaluation = expression.evaluate(self.scope, strict=strict)
        except MissingValue as missing:
            if self.mark and missing.path.startswith("steps."):
                return f"⟨{missing.path}⟩"
            raise
        self.reads.update(evaluation.reads)
        return evaluation.value

    def counted(self, text: str) -> str:
        """Return `text`, unless the result grows larger with it than a template may yield."""
        self.size += len(text)
        if self.size > limits.TEXT_CHARACTERS:
            raise ExpressionError(f"the text is longer than {limits.TEXT_CHARACTERS} characters")
        return text


@dataclasses.dataclass(frozen=True, slots=True)
class Insert:
    """An expression whose value stands in the text."""

    expression: Expression
    offset: int


@dataclasses.dataclass(slots=True)
class Branch:
    """A condition (None: otherwise) and the parts that stand in the text where it holds."""

    condition: Expression | None
    parts: "list[Part]"
    is_else: bool = False


@dataclasses.dataclass(slots=True)
class Block:
    """`{{ if … }} … {{ end }}`: the first branch that holds."""

    offset: int
    branches: list[Branch]


Part = str | Insert | Block


@dataclasses.dataclass(frozen=True, slots=True)
class TemplateText:
    """A text, cut into parts. `faults` are its mistakes: a text that has any cannot be rendered."""

    source: str
    parts: tuple[Part, ...]
    references: tuple[Reference, ...]
    faults: tuple[ExpressionError, ...]

    @property
    def is_plain(self) -> bool:
        """Whether there is no expression in it."""
        return all(isinstance(part, str) for part in self.parts) and not self.faults

    @property
    def whole(self) -> Expression | None:
        """The expression, where the text is exactly one, so that its value keeps its type."""
        if len(self.parts) == 1 and isinstance(self.parts[0], Insert):
            return self.parts[0].expression
        return None

    def render(self, rendering: Rendering) -> object:
        """Return the value; raises ExpressionError."""
        if self.faults:
            raise self.faults[0]
        if self.is_plain:
            return self.source
        if self.whole is not None:
            return rendering.value(self.whole, strict=True)
        rendering.size = 0
        return "".join(_texts(self.parts, rendering))


def _texts(parts: Sequence[Part], rendering: Rendering) -> list[str]:
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(rendering.counted(part))
        elif isinstance(part, Insert):
            texts.append(rendering.counted(_inserted(part, rendering)))
        else:
            texts.extend(_texts(_chosen(part, rendering), rendering))
    return texts


def _inserted(part: Insert, rendering: Rendering) -> str:
    value = rendering.value(part.expression, strict=True)
    if value is None:
        raise ExpressionError(f"{part.expression.text.strip()} is null", hint="add | default(…) if it may be")
    return as_text(value)


def _chosen(block: Block, rendering: Rendering) -> Sequence[Part]:
    for branch in block.branches:
        if branch.condition is None or rendering.value(branch.condition, strict=False):
            return branch.parts
    return ()


def _tag_end(source: str, start: int) -> int | None:
    """Return where the `}}` of a tag stands, looking over quoted text; None where the tag is not closed."""
    position = start
    while not source.startswith("}}", position):
        piece = _PIECE.match(source, position, start + limits.EXPRESSION_CHARACTERS + 1)
        if piece is None:
            return None
        position = piece.end()
    return position


class _Cutter:
    """Cuts one text into parts, and goes on after a mistake so that every one is found."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.parts: list[Part] = []
        self.open: list[Block] = []
        self.references: list[Reference] = []
        self.faults: list[ExpressionError] = []

    def cut(self) -> TemplateText:
        position = 0
        for _ in range(limits.TEMPLATE_PARTS):
            start = self.source.find("{{", position)
            if start < 0:
                break
            self._plain(self.source[position:start])
            end = _tag_end(self.source, start + 2)
            if end is None:
                self._fault("this {{ is not closed by }}", start)
                return self._finished()
            self._tag(self.source[start + 2 : end], start + 2)
            position = end + 2
        if self.source.find("{{", position) >= 0:
            self._fault(f"a text has at most {limits.TEMPLATE_PARTS} expressions", position)
        self._plain(self.source[position:])
        if self.open:
            self._fault("this block has no {{ end }}", self.open[-1].offset)
        return self._finished()

    def _finished(self) -> TemplateText:
        return TemplateText(self.source, tuple(self.parts), tuple(self.references), tuple(self.faults))

    def _current(self) -> list[Part]:
        return self.open[-1].branches[-1].parts if self.open else self.parts

    def _plain(self, text: str) -> None:
        if text:
            self._current().append(text)

    def _tag(self, content: str, start: int) -> None:
        word = _WORD.match(content)
        if word is None:
            expression = self._compiled(content, start)
            if expression is not None:
                self._current().append(Insert(expression, start))
            return
        at, rest, offset = start + word.start(1), content[word.end() :], start + word.end()
        keyword = word[1].split()
        if keyword == ["if"]:
            self._opened(at, rest, offset)
        elif keyword == ["end"]:
            self._closed(at, rest, offset)
        else:
            self._branched(at, rest, offset, otherwise=keyword == ["else"])

    def _opened(self, at: int, condition: str, offset: int) -> None:
        if len(self.open) >= limits.TEMPLATE_DEPTH:
            self._fault(f"blocks nest deeper than {limits.TEMPLATE_DEPTH}", at)
            return
        block = Block(at, [Branch(self._compiled(condition, offset, guarded=True), [])])
        self._current().append(block)
        self.open.append(block)

    def _branched(self, at: int, condition: str, offset: int, *, otherwise: bool) -> None:
        if not self.open or self.open[-1].branches[-1].is_else:
            self._fault("there is no {{ if … }} to go with this", at)
            return
        if otherwise:
            self._nothing_follows(condition, offset)
        expression = None if otherwise else self._compiled(condition, offset, guarded=True)
        self.open[-1].branches.append(Branch(expression, [], is_else=otherwise))

    def _closed(self, at: int, rest: str, offset: int) -> None:
        self._nothing_follows(rest, offset)
        if self.open:
            self.open.pop()
        else:
            self._fault("there is no {{ if … }} to end", at)

    def _nothing_follows(self, rest: str, offset: int) -> None:
        if rest.strip():
            self._fault(f"{rest.strip()!r} does not fit here", offset)

    def _compiled(self, text: str, start: int, *, guarded: bool = False) -> Expression | None:
        try:
            expression = compile_expression(text)
        except ExpressionError as error:
            self._fault(error.message, start + (error.offset or 0), error.hint)
            return None
        for reference in expression.references:
            moved = dataclasses.replace(reference, offset=start + reference.offset, guarded=guarded or reference.guarded)
            self.references.append(moved)
        return expression

    def _fault(self, message: str, offset: int, hint: str = "") -> None:
        self.faults.append(ExpressionError(message, offset=offset, hint=hint))


@functools.lru_cache(maxsize=4096)
def cut(source: str) -> TemplateText:
    """Return `source` cut into parts; its mistakes stand in `faults`."""
    return _Cutter(source).cut()
