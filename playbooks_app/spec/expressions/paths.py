"""Paths into documents whose keys may be nested, dotted, or a mixture of both.

`host.name` finds {"host": {"name": …}}, {"host.name": …}, and any mixture. Where a document holds both, the
nested one wins. The work is bounded by the size of the document.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence

Segment = str | int
_Seen = set[tuple[int, int]]


class _Missing:
    """The value of a path that leads nowhere."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = _Missing()

_PLAIN = re.compile(r"[A-Za-z_@][A-Za-z0-9_@-]*\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class Reference:
    """A path that an expression names, and where it stands in the source.

    `guarded` says that a default follows, so that it may be missing.
    """

    segments: tuple[Segment, ...]
    offset: int = 0
    guarded: bool = False

    @property
    def root(self) -> str:
        """The first name: `alert`, `steps`, …"""
        return str(self.segments[0])

    @property
    def text(self) -> str:
        """The path as it is written: `alert.threat.technique[0].id`."""
        return render(self.segments)


def render(segments: Sequence[Segment]) -> str:
    """Return the text of a path."""
    text = ""
    for segment in segments:
        if isinstance(segment, int):
            text += f"[{segment}]"
        elif _PLAIN.match(segment):
            text += f".{segment}" if text else segment
        else:
            text += f"[{segment!r}]"
    return text


def lookup(value: object, segments: Sequence[Segment]) -> object:
    """Return what stands at `segments` below `value`, else MISSING."""
    parts: list[Mapping[object, object]] = []
    for found in _candidates(value, segments, set()):
        if not isinstance(found, Mapping):
            if not parts:
                return found
            continue
        parts.append(found)
    if len(parts) > 1:
        return _merged(parts)
    return parts[0] if parts else MISSING


def _candidates(value: object, segments: Sequence[Segment], seen: _Seen) -> Iterator[object]:
    if not segments:
        yield value
        return
    first = segments[0]
    if isinstance(first, int):
        if isinstance(value, list | tuple) and -len(value) <= first < len(value):
            yield from _candidates(value[first], segments[1:], seen)
        return
    # A document that holds one object many times over would be searched in it again and again.
    question = (id(value), len(segments))
    if isinstance(value, Mapping) and question not in seen:
        seen.add(question)
        yield from _members(value, segments, seen)


def _members(value: Mapping[object, object], segments: Sequence[Segment], seen: _Seen) -> Iterator[object]:
    key = ""
    for count, segment in enumerate(segments, start=1):
        if isinstance(segment, int):
            return
        key = f"{key}.{segment}" if count > 1 else segment
        if key in value:
            yield from _candidates(value[key], segments[count:], seen)
    below = _below(value, f"{key}.")
    if below:
        yield below


def _below(value: Mapping[object, object], prefix: str) -> dict[object, object]:
    """Return the object that the keys starting with `prefix` make up together."""
    nested: dict[object, object] = {}
    for key, item in value.items():
        if isinstance(key, str) and key.startswith(prefix) and len(key) > len(prefix):
            _put(nested, key[len(prefix) :].split("."), item)
    return nested


def _put(target: dict[object, object], names: Sequence[str], item: object) -> None:
    for depth, name in enumerate(names[:-1]):
        inner = target.setdefault(name, {})
        if not isinstance(inner, dict):
            # A plain value stands where an object should: the rest of the key stays dotted beside it.
            target.setdefault(".".join(names[depth:]), item)
            return
        target = inner
    target.setdefault(names[-1], item)


def _merged(parts: Sequence[Mapping[object, object]]) -> dict[object, object]:
    merged = dict(parts[0])
    for part in parts[1:]:
        for key, item in part.items():
            present = merged.get(key, MISSING)
            if present is MISSING:
                merged[key] = item
            elif isinstance(present, Mapping) and isinstance(item, Mapping):
                merged[key] = _merged([present, item])
    return merged
