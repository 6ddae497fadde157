"""Fields of a document whose keys are nested, dotted, or both."""

from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]


def field(document: Document, path: str) -> Any:
    """Return the value at `path`, such as `host.name`, or None; of dotted keys below it the subtree."""
    found = _exact(document, path)
    if found is not None and not isinstance(found, Mapping):
        return found
    below = {key[len(path) + 1 :]: value for key, value in document.items() if key.startswith(f"{path}.")}
    return {**(found or {}), **below} if below else found


def first(document: Document, *paths: str) -> Any:
    """Return the first value at one of `paths` that is a text or a number, or None."""
    for path in paths:
        for value in values(document, path):
            if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
                return value
    return None


def values(node: Any, path: str) -> Iterator[Any]:
    """Yield every value at `path`, looking into lists on the way and at the end."""
    if isinstance(node, list):
        for item in node:
            yield from values(item, path)
    elif not path:
        yield node
    elif isinstance(node, Mapping):
        for head, rest in _splits(path):
            if head in node:
                yield from values(node[head], rest)


def _exact(node: Any, path: str) -> Any:
    if not isinstance(node, Mapping):
        return None
    for head, rest in _splits(path):
        if node.get(head) is not None:
            found = _exact(node[head], rest) if rest else node[head]
            if found is not None:
                return found
    return None


def _splits(path: str) -> Iterator[tuple[str, str]]:
    yield path, ""
    for index in range(len(path) - 1, 0, -1):
        if path[index] == ".":
            yield path[:index], path[index + 1 :]
