"""A document against the format: every mistake of shape, with its place, and a playbook to check further.

Where the document has mistakes, what is wrong is left out of a copy until the rest is a playbook, so that one
pass can report what is wrong with the rest too. Such a playbook is for the checks alone.
"""

import copy
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from playbooks_app.spec import durations, schema
from playbooks_app.spec.kinds import Shape, shape_of
from playbooks_app.spec.positions import Path
from playbooks_app.spec.report import Report
from playbooks_app.spec.schema import Playbook

_ROUNDS = 8


def validate(document: Mapping[str, Any]) -> Playbook:
    """Return the playbook; raises pydantic's ValidationError."""
    return Playbook.model_validate_json(json.dumps(document))


def check(document: Mapping[str, Any], report: Report) -> Playbook | None:
    """Report every mistake of shape; return the playbook, or what is left of it without them."""
    _check_kinds(document, report)
    remaining = dict(document)
    for round_number in range(_ROUNDS):
        try:
            return validate(remaining)
        except ValidationError as error:
            faults = [fault for fault in error.errors(include_url=False) if not _follows(fault)]
        if round_number == 0:
            for fault in faults:
                _tell(fault, document, report)
            remaining = copy.deepcopy(remaining)
        for fault in faults:
            _leave_out(remaining, fault)
    return None


def _check_kinds(document: Mapping[str, Any], report: Report) -> None:
    steps = document.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        if isinstance(step, dict):
            shape = shape_of(step)
            if shape is not None:
                _check_step(step, ("steps", index), shape, report)


def _check_step(step: Mapping[str, Any], path: Path, shape: Shape, report: Report) -> None:
    for key in sorted(shape.required - step.keys()):
        report.error("missing", (*path, key), f"{key!r} is missing", expected=f"{key!r} in a step of kind {shape.kind}")
    for key in step:
        if key in schema_keys(schema.Step) and key not in shape.allowed:
            report.key_error("unexpected_key", (*path, key), f"a step of kind {shape.kind} has no {key!r}")
    if shape.one_of and not shape.one_of & step.keys():
        names = " or ".join(sorted(shape.one_of))
        report.error("missing", path, f"a step of kind {shape.kind} needs {names}")
    each = step.get("for_each")
    if "for_each" in shape.allowed and "for_each" in step and not isinstance(each, str | list):
        report.error("type", (*path, "for_each"), f"{_shown(each)} does not fit", expected="a list or a template")


def schema_keys(model: type[BaseModel]) -> frozenset[str]:
    """Return the keys of a mapping of the format, as they are written."""
    return frozenset(field.alias or name for name, field in model.model_fields.items())


_MODELS: Mapping[Path, type[BaseModel]] = {
    (): schema.Playbook,
    ("metadata",): schema.Metadata,
    ("inputs", "*"): schema.InputSpec,
    ("triggers", "*"): schema.Trigger,
    ("approval_policy",): schema.ApprovalPolicy,
    ("rollback",): schema.RollbackPolicy,
    ("steps", "*"): schema.Step,
    ("steps", "*", "retry"): schema.Retry,
    ("steps", "*", "approval"): schema.StepApproval,
    ("steps", "*", "rollback"): schema.Rollback,
    ("steps", "*", "fields", "*"): schema.FormField,
    ("tests", "*"): schema.PlaybookTest,
}


def _known_keys(path: Path, document: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys that the mapping at `path` may have; for a step, those of its kind."""
    general = tuple("*" if isinstance(part, int) else part for part in path)
    if general[:1] == ("inputs",) and len(general) == 2:
        general = ("inputs", "*")
    written = _at(document, path)
    shape = shape_of(written) if general == ("steps", "*") and isinstance(written, dict) else None
    return shape.allowed if shape else schema_keys(_MODELS[general])


_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "value_error": durations.EXPECTED,
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least {}"),
    "less_than_equal": ("le", "at most {}"),
    "too_short": ("min_length", "at least {} items"),
    "too_long": ("max_length", "at most {} items"),
    "string_too_short": ("min_length", "at least {} characters"),
    "string_too_long": ("max_length", "at most {} characters"),
}


def _tell(fault: Mapping[str, Any], document: Mapping[str, Any], report: Report) -> None:
    kind, path, on_key = fault["type"], *_place(fault)
    if kind == "missing":
        report.error("missing", path, f"{path[-1]!r} is missing")
    elif kind == "extra_forbidden":
        near = report.suggest(str(path[-1]), _known_keys(path[:-1], document))
        report.key_error("unknown_key", path, f"the key {str(path[-1])!r} is unknown", hint=near)
    else:
        add = report.key_error if on_key else report.error
        expected = _expected(fault)
        add("value", path, f"{_shown(fault['input'])} does not fit", expected=expected, hint=_hint(fault, expected, report))


def _follows(fault: Mapping[str, Any]) -> bool:
    """Whether a list is only too short because its items do not fit, which is said of each."""
    return fault["type"] == "too_short" and bool(len(fault["input"]) >= fault["ctx"]["min_length"])


def _place(fault: Mapping[str, Any]) -> tuple[Path, bool]:
    location: Path = fault["loc"]
    if location and location[-1] == "[key]":
        return location[:-1], True
    return location, False


def _expected(fault: Mapping[str, Any]) -> str:
    kind, context = fault["type"], fault.get("ctx") or {}
    if fault["loc"] == ("metadata", "version"):
        # 1.2 is a number in YAML, and quoting it would not help.
        return schema.VERSION_EXPECTED
    if kind in ("enum", "literal_error"):
        return str(context["expected"]).replace("'", "")
    if kind == "string_pattern_mismatch":
        return schema.EXPECTED_BY_PATTERN[context["pattern"]]
    if kind in _BOUNDS:
        name, sentence = _BOUNDS[kind]
        return sentence.format(context[name]).replace("at least 1 items", "at least 1 item")
    return _EXPECTED.get(kind, str(fault["msg"]))


def _hint(fault: Mapping[str, Any], expected: str, report: Report) -> str:
    given = fault["input"]
    if fault["type"] in ("enum", "literal_error") and isinstance(given, str):
        return report.suggest(given, re.findall(r"[\w/.-]+", expected))
    if fault["type"] == "bool_type" and str(given).lower() in _ALMOST_BOOLEAN:
        return f"write {_ALMOST_BOOLEAN[str(given).lower()]}"
    if fault["type"] == "string_type" and isinstance(given, int | float) and expected == "text":
        return "put it in quotes"
    return ""


_ALMOST_BOOLEAN = {"yes": "true", "on": "true", "no": "false", "off": "false", "true": "true", "false": "false"}


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"


_STAND_INS: Mapping[str | int, Any] = {
    "apiVersion": schema.API_VERSION,
    "metadata": {"id": "unnamed", "name": "unnamed", "version": "0.0.0"},
    "id": "unnamed",
    "name": "unnamed",
    "version": "0.0.0",
    "steps": [{"id": "unnamed", "kind": "manual"}],
}


def _leave_out(document: dict[str, Any], fault: Mapping[str, Any]) -> None:
    path, _ = _place(fault)
    if fault["type"] == "missing":
        holder = _at(document, path[:-1])
        if path[-1] in _STAND_INS and isinstance(holder, dict):
            holder[path[-1]] = _stand_in(path)
            return
        path = path[:-1]
    _remove(document, path)


def _stand_in(path: Path) -> Any:
    if path[0] == "steps" and len(path) == 3:
        return f"unnamed-{path[1]}"
    return copy.deepcopy(_STAND_INS[path[-1]])


def _remove(document: dict[str, Any], path: Path) -> None:
    """Remove what stands at `path`; a step is replaced, so that the steps after it keep their places."""
    while path:
        holder = _at(document, path[:-1])
        if isinstance(holder, dict):
            holder.pop(path[-1], None)
            return
        if isinstance(holder, list) and path[:1] == ("steps",) and len(path) == 2:
            holder[int(path[1])] = {"id": f"unnamed-{path[1]}", "kind": "manual"}
            return
        path = path[:-1]


def _at(document: Any, path: Sequence[str | int]) -> Any:
    for part in path:
        if isinstance(document, dict):
            document = document.get(str(part))
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            return None
    return document
