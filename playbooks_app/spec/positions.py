"""Where things stand in a playbook file."""

import dataclasses
import re

Path = tuple[str | int, ...]

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class Position:
    """A line and a column, both from 1."""

    line: int
    column: int


START = Position(1, 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """A scalar in the source text: its first and its last character, and the text that it stands for."""

    start: int
    end: int
    value: str
    is_block: bool
    is_double_quoted: bool


def render(path: Path) -> str:
    """Return a path as it is written: `steps[2].with.host`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _PLAIN.match(part):
            text += f".{part}" if text else part
        else:
            text += f'["{part}"]'
    return text


@dataclasses.dataclass(slots=True)
class Positions:
    """Every value and key of a file, by path."""

    source: str = ""
    values: dict[Path, Position] = dataclasses.field(default_factory=dict)
    keys: dict[Path, Position] = dataclasses.field(default_factory=dict)
    spans: dict[Path, Span] = dataclasses.field(default_factory=dict)

    def of_value(self, path: Path) -> Position:
        """Return where the value at `path` stands, else where the nearest one around it does."""
        return self._nearest(self.values, path)

    def of_key(self, path: Path) -> Position:
        """Return where the key at `path` stands, else where its value does."""
        return self.keys.get(path) or self._nearest(self.values, path)

    def within(self, path: Path, offset: int) -> Position:
        """Return where character `offset` of the text at `path` stands in the file."""
        span = self.spans.get(path)
        if span is None:
            return self.of_value(path)
        index = _aligned(self.source, span, offset)
        line_start = self.source.rfind("\n", 0, index) + 1
        return Position(self.source.count("\n", 0, index) + 1, index - line_start + 1)

    @staticmethod
    def _nearest(places: dict[Path, Position], path: Path) -> Position:
        while path:
            if path in places:
                return places[path]
            path = path[:-1]
        return places.get((), START)


_ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}


def _aligned(source: str, span: Span, offset: int) -> int:
    """Walk the raw scalar along with its text, over quotes, escapes, indents and folded lines."""
    index = span.start
    if span.is_block:
        index = source.find("\n", index, span.end) + 1 or index
    elif source[index : index + 1] in ("'", '"'):
        index += 1
    index = _over_blank(source, span, index, span.value[:1])
    for place, character in enumerate(span.value[:offset]):
        following = span.value[place + 1 : place + 2]
        index = _over_blank(source, span, _over(source, span, index, character), following)
    return min(index, span.end)


def _over(source: str, span: Span, index: int, character: str) -> int:
    """Return the index after the one character of the text that starts at `index`."""
    if span.is_double_quoted and source[index : index + 1] == "\\":
        return index + _ESCAPE_LENGTHS.get(source[index + 1 : index + 2], 2)
    if character == "'" and source[index : index + 2] == "''" and not span.is_block:
        return index + 2
    return index + 1


def _over_blank(source: str, span: Span, index: int, following: str) -> int:
    """Skip an indent or a fold, up to the character of the text that comes next."""
    if not following or source[index : index + 1] == following or following.isspace():
        return index
    while index < span.end and source[index].isspace():
        index += 1
    return index
