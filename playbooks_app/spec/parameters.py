"""Literal parameters against the JSON Schema of an action. What a template yields is only known when it runs."""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from playbooks_app.spec import limits, template_text
from playbooks_app.spec.expressions import ExpressionError, patterns
from playbooks_app.spec.positions import Path
from playbooks_app.spec.report import Report

Schema = Mapping[str, Any]


def check(value: Any, schema: Schema, path: Path, report: Report) -> None:
    """Report what in `value` does not fit `schema`."""
    _Checker(schema, report).check(value, schema, path, 0)


class _Checker:
    def __init__(self, root: Schema, report: Report) -> None:
        self.root = root
        self.report = report

    def check(self, value: Any, schema: Any, path: Path, depth: int) -> None:
        if depth > limits.FILE_DEPTH or not isinstance(schema, Mapping) or _is_template(value):
            return
        schema = self._resolved(schema)
        for rule in schema.get("allOf", ()):
            self.check(value, rule, path, depth + 1)
        choices = schema.get("anyOf") or schema.get("oneOf")
        if choices:
            self._any_of(value, choices, path, depth)
            return
        wrong = _wrong(value, schema)
        if wrong is not None:
            self.report.error("parameter", path, f"{_shown(value)} does not fit", expected=wrong)
        elif isinstance(value, dict):
            self._members(value, schema, path, depth)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self.check(item, schema.get("items", {}), (*path, index), depth + 1)

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(limits.FILE_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#/"):
                break
            found: Any = self.root
            for part in reference[2:].split("/"):
                found = found.get(part) if isinstance(found, Mapping) else None
            if not isinstance(found, Mapping):
                return {}
            schema = {**found, **{key: item for key, item in schema.items() if key != "$ref"}}
        return schema

    def _any_of(self, value: Any, choices: Sequence[Any], path: Path, depth: int) -> None:
        """Accept what fits one choice; else report against the one of the right type, or against all."""
        attempts = []
        for choice in choices:
            trial = Report(self.report.filename, self.report.positions)
            _Checker(self.root, trial).check(value, choice, path, depth + 1)
            if not trial.found:
                return
            attempts.append((self._resolved(choice), trial))
        alike = [trial for choice, trial in attempts if _has_type(value, choice.get("type"))]
        if len(alike) == 1:
            self.report.found.extend(alike[0].found)
            return
        expected = " or ".join(dict.fromkeys(problem.expected for _, trial in attempts for problem in trial.found))
        self.report.error("parameter", path, f"{_shown(value)} does not fit", expected=expected)

    def _members(self, value: Mapping[str, Any], schema: Schema, path: Path, depth: int) -> None:
        properties: Mapping[str, Any] = schema.get("properties", {})
        others = schema.get("additionalProperties", "properties" not in schema and bool(path))
        for name in schema.get("required", ()):
            if name not in value:
                self.report.error("missing_parameter", (*path, name), f"the parameter {name!r} is missing")
        for name, item in value.items():
            if name in properties:
                self.check(item, properties[name], (*path, name), depth + 1)
            elif isinstance(others, Mapping):
                self.check(item, others, (*path, name), depth + 1)
            elif others is not True:
                hint = self.report.suggest(name, properties) or _listed(properties)
                self.report.key_error("unknown_parameter", (*path, name), f"the parameter {name!r} is unknown", hint=hint)


def _listed(properties: Mapping[str, Any]) -> str:
    return f"there are {', '.join(properties)}" if properties else "the action takes none"


def _is_template(value: Any) -> bool:
    return isinstance(value, str) and not template_text.cut(value).is_plain


_TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "text"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "array": ((list,), "a list"),
    "object": ((dict,), "a mapping"),
    "null": ((type(None),), "null"),
}


def _has_type(value: Any, names: Any) -> bool:
    return any(_is_a(value, name) for name in ([names] if isinstance(names, str) else names or ()))


def _is_a(value: Any, name: str) -> bool:
    types = _TYPES.get(name, ((object,), ""))[0]
    if isinstance(value, bool):
        return bool in types or object in types
    return isinstance(value, types) or (name == "integer" and isinstance(value, float) and value.is_integer())


def _wrong(value: Any, schema: Schema) -> str | None:
    """Return what was expected instead of `value`; None where it fits."""
    names = schema.get("type")
    if names is not None and not _has_type(value, names):
        return " or ".join(_TYPES.get(name, ((), str(name)))[1] for name in ([names] if isinstance(names, str) else names))
    if "const" in schema and value != schema["const"]:
        return _shown(schema["const"])
    if "enum" in schema and value not in schema["enum"]:
        return " or ".join(_shown(choice) for choice in schema["enum"])
    return next(_out_of_bounds(value, schema), None)


def _out_of_bounds(value: Any, schema: Schema) -> Iterator[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        for key, (word, fits) in _NUMBER_BOUNDS.items():
            if key in schema and not fits(value, schema[key]):
                yield f"{word} {schema[key]}"
    elif isinstance(value, str | list | dict):
        yield from _out_of_size(value, schema)


def _out_of_size(value: str | list[Any] | dict[str, Any], schema: Schema) -> Iterator[str]:
    least, most, unit = next(names for kind, names in _SIZE_BOUNDS.items() if isinstance(value, kind))
    if len(value) < schema.get(least, 0):
        yield f"at least {schema[least]} {unit}"
    if most in schema and len(value) > schema[most]:
        yield f"at most {schema[most]} {unit}"
    if isinstance(value, str) and "pattern" in schema and not _matches(schema["pattern"], value):
        yield f"text that matches {schema['pattern']}"


_NUMBER_BOUNDS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("at least", operator.ge),
    "maximum": ("at most", operator.le),
    "exclusiveMinimum": ("more than", operator.gt),
    "exclusiveMaximum": ("less than", operator.lt),
}
_SIZE_BOUNDS: Mapping[type, tuple[str, str, str]] = {
    str: ("minLength", "maxLength", "characters"),
    list: ("minItems", "maxItems", "items"),
    dict: ("minProperties", "maxProperties", "keys"),
}


def _matches(pattern: str, value: str) -> bool:
    try:
        return patterns.found(patterns.compiled(pattern), value)
    except ExpressionError:
        # A pattern with lookaround cannot be tried here; the action checks it when it runs.
        return True


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "null"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
