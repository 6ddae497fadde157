"""Whether declared inputs and form fields make sense."""

from collections.abc import Mapping
from typing import Any

from playbooks_app.spec.report import Report
from playbooks_app.spec.schema import FieldType, InputType, Playbook

_PYTHON: Mapping[InputType, tuple[type, ...]] = {
    InputType.STRING: (str,),
    InputType.INTEGER: (int,),
    InputType.NUMBER: (int, float),
    InputType.BOOLEAN: (bool,),
    InputType.LIST: (list, tuple),
    InputType.OBJECT: (dict,),
}


def fits(value: Any, wanted: InputType) -> bool:
    """Whether a value can be given for an input of that type."""
    if isinstance(value, bool):
        return wanted == InputType.BOOLEAN
    return isinstance(value, _PYTHON[wanted])


def check_inputs(playbook: Playbook, report: Report) -> None:
    """Report defaults that are not of the declared type."""
    for name, spec in playbook.inputs.items():
        if spec.default is not None and not fits(spec.default, spec.type):
            report.error("default", ("inputs", name, "default"), "the default does not fit", expected=str(spec.type))


def check_fields(playbook: Playbook, report: Report) -> None:
    """Report choices between nothing, options of what is no choice, and names that two fields have."""
    for index, step in enumerate(playbook.steps):
        seen: set[str] = set()
        for place, field in enumerate(step.fields):
            path = ("steps", index, "fields", place)
            is_choice = field.type == FieldType.CHOICE
            if is_choice and not field.options:
                report.error("options", path, f"the choice {field.name!r} has no options")
            if field.options and not is_choice:
                report.error("options", (*path, "options"), f"a field of type {field.type} has no options")
            if field.name in seen:
                report.error("duplicate_field", (*path, "name"), f"the field {field.name!r} stands twice")
            seen.add(field.name)
