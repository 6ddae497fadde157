"""Templates: JSON-shaped values in whose texts expressions stand, such as the parameters of a step."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Literal

from playbooks_app.spec import limits, positions, template_text
from playbooks_app.spec.expressions import ExpressionError, MissingValue, Reference, values
from playbooks_app.spec.positions import Path


@dataclasses.dataclass(frozen=True, slots=True)
class Rendered:
    """The value that a template yielded, and the paths that it read with their values."""

    value: object
    reads: dict[str, object]


@dataclasses.dataclass(frozen=True, slots=True)
class Template:
    """A JSON-shaped value with expressions in its texts. `references` are the paths that they name."""

    source: object
    references: tuple[Reference, ...]

    def render(self, scope: Mapping[str, object], *, unresolved: Literal["error", "mark"] = "error") -> Rendered:
        """Return the value over `scope`; raises ExpressionError, which names the parameter.

        A text that is exactly one expression keeps the type of its value. A path that leads nowhere raises
        MissingValue unless a default follows; with `mark`, an absent output of a step stands as
        `⟨steps.x.output.y⟩` instead.
        """
        reads: dict[str, object] = {}
        value = _rendered(self.source, (), scope, unresolved == "mark", reads)
        values.measure(value, limits.RENDERED_CHARACTERS)
        return Rendered(value, reads)


def compile_template(value: object) -> Template:
    """Return `value` compiled; raises ExpressionError, with parameter and offset, for its first mistake."""
    references: list[Reference] = []
    for path, source in texts(value):
        text = template_text.cut(source)
        for fault in text.faults:
            raise ExpressionError(fault.message, offset=fault.offset, hint=fault.hint, parameter=positions.render(path))
        references.extend(text.references)
    return Template(value, tuple(references))


def texts(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield each text in `value` with its path; raises ExpressionError where it nests too deeply."""
    if len(path) > limits.TEMPLATE_DEPTH:
        raise ExpressionError(f"the value nests deeper than {limits.TEMPLATE_DEPTH}", parameter=positions.render(path))
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts(item, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))


def _rendered(value: object, path: Path, scope: Mapping[str, object], mark: bool, reads: dict[str, object]) -> object:
    if isinstance(value, str):
        return _text(value, path, template_text.Rendering(scope, mark, reads))
    if isinstance(value, Mapping):
        return {key: _rendered(item, (*path, str(key)), scope, mark, reads) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rendered(item, (*path, index), scope, mark, reads) for index, item in enumerate(value)]
    return value


def _text(value: str, path: Path, rendering: template_text.Rendering) -> object:
    try:
        return template_text.cut(value).render(rendering)
    except MissingValue as missing:
        missing.parameter = positions.render(path)
        raise
    except ExpressionError as error:
        # A new one: a mistake of the source is kept with the text, which other parameters may share.
        raise ExpressionError(error.message, offset=error.offset, hint=error.hint, parameter=positions.render(path)) from error
