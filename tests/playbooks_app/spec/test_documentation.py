"""The reference pages keep pace with the code."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from playbooks_app import spec
from playbooks_app.spec import limits, schema
from playbooks_app.spec.expressions import FILTERS
from playbooks_app.spec.expressions.nodes import OPERATORS
from playbooks_app.spec.names import STEP_FACTS, STEP_NAMES
from playbooks_app.spec.shape import schema_keys
from tests.playbooks_app.spec import samples

REFERENCE = Path(__file__).resolve().parents[3] / "docs" / "reference"
FORMAT = (REFERENCE / "playbook-format.md").read_text(encoding="utf-8")
EXPRESSIONS = (REFERENCE / "expressions.md").read_text(encoding="utf-8")
SOURCES = [path.read_text(encoding="utf-8") for path in Path(spec.__file__).parent.rglob("*.py")]
CODES = sorted(
    {code for text in SOURCES for code in re.findall(r'(?:error|warning|Fault|_fault|add)\(\s*"([a-z_]+)"', text)}
    - {"error", "warning"}
)

MODELS: list[type[BaseModel]] = [
    schema.Playbook,
    schema.Metadata,
    schema.InputSpec,
    schema.Trigger,
    schema.ApprovalPolicy,
    schema.Step,
    schema.Retry,
    schema.Rollback,
    schema.FormField,
    schema.PlaybookTest,
]


@pytest.mark.parametrize("name", sorted(FILTERS))
def test_every_filter_is_documented(name: str) -> None:
    table = EXPRESSIONS.split("## Filters")[1]
    assert re.search(rf"`{name}[`(]", table)


@pytest.mark.parametrize("operator", [*OPERATORS, "matches", "not", "and", "or"])
def test_every_operator_is_documented(operator: str) -> None:
    assert f"`{operator}`" in EXPRESSIONS


@pytest.mark.parametrize("name", sorted(STEP_NAMES - {"steps"}) + [f"steps.ID.{fact}" for fact in STEP_FACTS])
def test_every_name_in_scope_is_documented(name: str) -> None:
    assert f"`{name}`" in EXPRESSIONS


@pytest.mark.parametrize(("model", "key"), [(model, key) for model in MODELS for key in sorted(schema_keys(model))])
def test_every_key_is_documented(model: type[BaseModel], key: str) -> None:
    assert f"`{key}`" in FORMAT


@pytest.mark.parametrize("code", CODES)
def test_every_problem_is_documented(code: str) -> None:
    assert f"`{code}`" in FORMAT


@pytest.mark.parametrize(
    ("page", "limit"),
    [
        (FORMAT, limits.FILE_VALUES),
        (FORMAT, limits.STEPS),
        (FORMAT, limits.EXPRESSIONS),
        (FORMAT, limits.FILE_DEPTH),
        (FORMAT, limits.PROBLEMS),
        (EXPRESSIONS, limits.EXPRESSION_CHARACTERS),
        (EXPRESSIONS, limits.EXPRESSION_DEPTH),
        (EXPRESSIONS, limits.PATH_SEGMENTS),
        (EXPRESSIONS, limits.PATTERN_CHARACTERS),
        (EXPRESSIONS, limits.LIST_ITEMS),
        (EXPRESSIONS, limits.TEMPLATE_PARTS),
    ],
)
def test_limits_are_as_documented(page: str, limit: int) -> None:
    assert f"{limit:,}" in page.split("## Limits")[1]


def test_the_example_loads() -> None:
    [example] = re.findall(r"```yaml\n(apiVersion.*?)```", FORMAT, re.DOTALL)
    loaded = samples.load(example, allow_unavailable=False)
    assert [problem.render() for problem in loaded.problems] == []
