"""The format as JSON Schema, so that editors complete and check while a playbook is being written."""

import functools
from typing import Any

from playbooks_app.spec import kinds, schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@functools.cache
def _document() -> dict[str, Any]:
    document = schema.Playbook.model_json_schema(by_alias=True)
    step = document["$defs"]["Step"]
    step["allOf"] = [_rule(shape) for shape in kinds.SHAPES.values()]
    for name in ("needs", "level"):
        # Left out, they follow from the playbook: there is no one default.
        step["properties"][name].pop("default", None)
    return {"$schema": DIALECT, "title": f"Playbook ({schema.API_VERSION})", **document}


def document() -> dict[str, Any]:
    """Return the JSON Schema of `runbookpilot/v1`."""
    return dict(_document())


def _rule(shape: kinds.Shape) -> dict[str, Any]:
    """Return the rule for one kind of step; a step without a kind is an action."""
    condition: dict[str, Any] = {"properties": {"kind": {"const": shape.kind}}}
    if shape.kind != schema.StepKind.ACTION.value:
        condition["required"] = ["kind"]
    then: dict[str, Any] = {"propertyNames": {"enum": sorted(shape.allowed)}}
    if shape.required:
        then["required"] = sorted(shape.required)
    if shape.one_of:
        then["anyOf"] = [{"required": [key]} for key in sorted(shape.one_of)]
    return {"if": condition, "then": then}
