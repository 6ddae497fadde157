from typing import Any

import jsonschema
import pytest

from playbooks_app.spec import json_schema
from tests.playbooks_app.spec import samples


def errors(step: dict[str, Any] | None = None, **more: Any) -> list[str]:
    document = dict(samples.load(samples.FULL).document)
    document.update(more)
    if step is not None:
        document["steps"] = [step]
    return [error.message for error in jsonschema.Draft202012Validator(json_schema.document()).iter_errors(document)]


def test_it_is_a_json_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema.document())


def test_the_full_format_fits_it() -> None:
    assert errors() == []


@pytest.mark.parametrize(
    "step",
    [
        {"id": "a", "kind": "manual", "instructions": "x"},
        {"id": "a", "action": "edr.isolate_host"},
        {"id": "a", "kind": "wait", "until": "x"},
        {"id": "a", "kind": "playbook", "playbook": "b", "with": {}},
    ],
)
def test_each_kind_of_step_fits_it(step: dict[str, Any]) -> None:
    assert errors(step) == []


@pytest.mark.parametrize(
    "step",
    [
        {"id": "a"},
        {"id": "a", "kind": "action"},
        {"id": "a", "kind": "wait"},
        {"id": "a", "kind": "manual", "action": "edr.isolate_host"},
        {"id": "a", "action": "edr.isolate_host", "question": "x"},
        {"id": "a", "kind": "manual", "timeout": "soon"},
        {"id": "A"},
    ],
)
def test_a_step_with_the_wrong_keys_does_not(step: dict[str, Any]) -> None:
    assert errors(step)


def test_unknown_keys_do_not_fit_it() -> None:
    assert errors(aproval_policy={})


def test_what_follows_from_the_playbook_has_no_default() -> None:
    properties = json_schema.document()["$defs"]["Step"]["properties"]
    assert "default" not in properties["needs"]
    assert "default" not in properties["level"]


def test_keys_are_named_as_they_are_written() -> None:
    properties = json_schema.document()["$defs"]["Step"]["properties"]
    assert {"if", "with", "as"} <= properties.keys()
