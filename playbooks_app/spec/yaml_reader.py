"""YAML to plain JSON-shaped data with positions, on the events of the parser.

Only what a playbook needs is let through: texts, numbers, `true`, `false`, `null`, lists and mappings with text
keys. Nothing here recurses and everything is counted, so that no file can exhaust memory or the stack. Dates,
`yes`, `no`, `1:30` and `1.2.0` stay text.
"""

import dataclasses
import math
import re
from typing import Any

import yaml

from playbooks_app.spec import limits
from playbooks_app.spec.positions import Path, Position, Positions, Span


@dataclasses.dataclass(frozen=True, slots=True)
class Fault:
    """Something in the text that a playbook may not hold."""

    code: str
    message: str
    position: Position
    path: Path = ()
    hint: str = ""


@dataclasses.dataclass(slots=True)
class Reading:
    """What was read: the data (None where nothing could be), where everything stands, and what is wrong."""

    document: Any = None
    source: str = ""
    positions: Positions = dataclasses.field(default_factory=Positions)
    faults: list[Fault] = dataclasses.field(default_factory=list)


class _Refused(Exception):
    """Reading cannot go on."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def read(source: str | bytes) -> Reading:
    """Return what `source` holds; never raises. Where `faults` is not empty the document may be incomplete."""
    reading = Reading()
    try:
        reading.source = _decoded(source)
        reading.positions.source = reading.source
        reading.document = _Composer(reading).compose()
    except _Refused as refused:
        reading.faults.append(refused.fault)
    except yaml.YAMLError as error:
        reading.faults.append(_syntax(error, reading.source))
    return reading


def _decoded(source: str | bytes) -> str:
    if len(source) > limits.FILE_BYTES:
        raise _Refused(Fault("too_large", f"the file is larger than {limits.FILE_BYTES} bytes", Position(1, 1)))
    raw = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    if len(raw) > limits.FILE_BYTES:
        raise _Refused(Fault("too_large", f"the file is larger than {limits.FILE_BYTES} bytes", Position(1, 1)))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        raise _Refused(Fault("encoding", "the file is not valid UTF-8", _end_of(before))) from error
    nul = text.find("\0")
    if nul >= 0:
        raise _Refused(Fault("encoding", "the file holds a NUL character", _end_of(text[:nul])))
    return text


def _end_of(text: str) -> Position:
    return Position(text.count("\n") + 1, len(text) - text.rfind("\n"))


def _syntax(error: yaml.YAMLError, source: str) -> Fault:
    if isinstance(error, yaml.reader.ReaderError):
        return Fault("encoding", "the file holds a control character", _end_of(source[: error.position]))
    mark = getattr(error, "problem_mark", None)
    position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
    reason = getattr(error, "problem", None) or "the file cannot be read"
    return Fault("yaml_syntax", f"this is not YAML: {reason}", position)


@dataclasses.dataclass(frozen=True, slots=True)
class _Anchored:
    """A value that an alias may repeat, and what repeating it costs."""

    value: Any
    values: int
    characters: int
    height: int


@dataclasses.dataclass(slots=True)
class _Level:
    """A mapping or list that is being read."""

    value: dict[str, Any] | list[Any]
    path: Path
    anchor: str | None
    #: What had been counted before it started, so that an alias to it costs what it holds.
    values: int
    characters: int
    height: int = 1
    key: str | None = None
    key_seen: bool = False


class _Composer:
    """Builds one document out of events, without recursion."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.levels: list[_Level] = []
        self.anchors: dict[str, _Anchored] = {}
        self.values = 0
        self.characters = 0
        self.document: Any = None

    def compose(self) -> Any:
        parser = yaml.CSafeLoader(self.reading.source)
        documents = 0
        while parser.check_event():
            event = parser.get_event()
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _Refused(Fault("one_document", "a file holds one playbook", _position(event)))
            elif isinstance(event, yaml.NodeEvent):
                self._node(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
        return self.document

    def _node(self, event: Any) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._alias(event)
            return
        self._count(event, 1, 0)
        if event.anchor:
            # While it is being read it has no value yet: an alias to it would hold itself.
            self.anchors.pop(event.anchor, None)
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        else:
            self._start(event)

    def _count(self, event: Any, values: int, characters: int) -> None:
        self.values += values
        self.characters += characters
        if self.values > limits.FILE_VALUES or self.characters > limits.FILE_CHARACTERS:
            raise _Refused(Fault("too_large", "the file holds too many values", _position(event), self._path()))

    def _alias(self, event: Any) -> None:
        known = self.anchors.get(event.anchor)
        if known is None:
            raise _Refused(Fault("alias", f"*{event.anchor} names nothing that stands before it", _position(event), self._path()))
        self._count(event, known.values, known.characters)
        self._deepened(event, known.height)
        self._place(known.value, event, None)

    def _deepened(self, event: Any, height: int) -> None:
        if len(self.levels) + height > limits.FILE_DEPTH:
            message = f"the file nests deeper than {limits.FILE_DEPTH}"
            raise _Refused(Fault("too_deep", message, _position(event), self._path()))
        if self.levels:
            self.levels[-1].height = max(self.levels[-1].height, height + 1)

    def _scalar(self, event: Any) -> None:
        self._count(event, 0, len(event.value))
        path = self._path()
        value = event.value
        if self._tag_of(event, "str") is None and event.implicit[0]:
            value = self._plain(event, path)
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(value, 1, len(event.value), 0)
        self._place(value, event, event)

    def _tag_of(self, event: Any, allowed: str) -> str | None:
        """Return the tag that was written; any but the plain one of its kind would build something else."""
        if event.tag in (None, "!") or event.tag == f"tag:yaml.org,2002:{allowed}":
            return event.tag if event.tag else None
        self._fault("tag", f"the tag {event.tag} is not allowed", event, "write the value without a tag")
        return None

    def _plain(self, event: Any, path: Path) -> Any:
        text: str = event.value
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text) and len(text) < 20:
            return self._number(int(text), event)
        if _FLOAT.fullmatch(text) and len(text) < 400:
            return self._number(float(text), event)
        if _INTEGER.fullmatch(text) or text.lower() in _NO_NUMBERS:
            return self._number(math.inf, event)
        return text

    def _number(self, value: int | float, event: Any) -> int | float:
        if not math.isfinite(value) or abs(value) >= limits.INTEGER:
            self._fault("number", "the number is too large", event, "write it as text, in quotes")
            return 0
        return value

    def _start(self, event: Any) -> None:
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self._tag_of(event, "map" if is_mapping else "seq")
        path = self._path()
        self._deepened(event, 1)
        value: dict[str, Any] | list[Any] = {} if is_mapping else []
        if self._awaits_key():
            self._fault("key", "a key has to be text", event)
        self._place(value, event, None)
        self.levels.append(_Level(value, path, event.anchor, self.values - 1, self.characters))

    def _end(self) -> None:
        level = self.levels.pop()
        if self.levels:
            self.levels[-1].height = max(self.levels[-1].height, level.height + 1)
        if level.anchor:
            values, characters = self.values - level.values, self.characters - level.characters
            self.anchors[level.anchor] = _Anchored(level.value, values, characters, level.height)

    def _awaits_key(self) -> bool:
        return bool(self.levels) and isinstance(self.levels[-1].value, dict) and not self.levels[-1].key_seen

    def _path(self) -> Path:
        if not self.levels:
            return ()
        level = self.levels[-1]
        if isinstance(level.value, list):
            return (*level.path, len(level.value))
        return (*level.path, level.key) if level.key is not None else level.path

    def _place(self, value: Any, event: Any, scalar: Any) -> None:
        """Put a value where the document has come to: as the document, an item, a key, or the value of a key."""
        if self._awaits_key():
            self._key(value, event)
            return
        path = self._path()
        self.reading.positions.values.setdefault(path, _position(event))
        if isinstance(scalar, yaml.ScalarEvent) and isinstance(value, str):
            self.reading.positions.spans.setdefault(path, _span(scalar))
        if not self.levels:
            self.document = value
        else:
            self._fill(self.levels[-1], value)

    def _fill(self, level: _Level, value: Any) -> None:
        if isinstance(level.value, list):
            level.value.append(value)
            return
        if level.key is not None:
            level.value.setdefault(level.key, value)
        level.key, level.key_seen = None, False

    def _key(self, value: Any, event: Any) -> None:
        level = self.levels[-1]
        level.key_seen = True
        if isinstance(event, yaml.ScalarEvent):
            value = event.value
        if not isinstance(value, str):
            level.key = None
            return
        if value == "<<":
            self._fault("merge_key", "merge keys are not allowed", event, "write the keys out")
        path = (*level.path, value)
        first = self.reading.positions.keys.get(path)
        if isinstance(level.value, dict) and value in level.value and first is not None:
            self._fault("duplicate_key", f"the key {value!r} stands twice, first in line {first.line}", event)
        self.reading.positions.keys.setdefault(path, _position(event))
        level.key = value

    def _fault(self, code: str, message: str, event: Any, hint: str = "") -> None:
        self.reading.faults.append(Fault(code, message, _position(event), self._path(), hint))


_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_NO_NUMBERS = frozenset({".inf", "-.inf", "+.inf", ".nan"})


def _position(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _span(event: Any) -> Span:
    style = event.style or ""
    return Span(event.start_mark.index, event.end_mark.index, event.value, style in ("|", ">"), style == '"')
