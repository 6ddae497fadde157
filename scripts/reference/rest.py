"""The REST interface, from the same schema that /api/schema/ serves, with the permission that each route asks for."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from scripts.reference import markdown

PREFIX = "/api/v1"
#: What many addresses are asked with; the page says so once.
_EVERYWHERE = {"cursor", "limit", "page_size", "format", "tenant", "fields"}


def page() -> str:
    """Every endpoint by resource."""
    generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call]  # The library is typed in part.
    with GENERATOR_STATS.silence():
        schema: dict[str, Any] = generator.get_schema(request=None, public=True)
    rules = _rules(generator)
    parts: dict[str, list[tuple[str, ...]]] = {}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            row = _row(path, method, operation, schema, rules.get((path, method.upper()), ""))
            parts.setdefault(operation["tags"][0], []).append(row)
    tables = [
        item
        for tag, rows in parts.items()
        for item in (f"## {tag}", markdown.table(["Endpoint", "Needs", "What"], rows))
    ]
    return markdown.page(
        "REST",
        f"Addresses begin with `{PREFIX}`. `/api/docs/` shows all shapes and lets you try them; `/api/schema/` is the OpenAPI"
        " document. Log in with `Authorization: Token …` (`runbookpilot token create USER`) or a session. Errors are"
        " [problem documents](errors.md). Lists answer `results`, `next` and `previous`. A POST takes an `Idempotency-Key`: the"
        " same key with the same content answers the same for 30 days, and one that was cut off may be sent again. Who belongs to"
        " several tenants names one in `X-RunbookPilot-Tenant` or `?tenant=`. What is not yours answers 404.",
        "Every answer in JSON to a GET takes `fields`, every list `cursor`, `page_size` and, where it says so, `ordering`. A name in the"
        " query that an address does not know is refused with 400 `unknown_parameter` and the names that it knows: a misspelt filter"
        " never answers with everything. Each has one value: one that is named more than once is refused with 400"
        " `repeated_parameter`, so ask once for each.",
        "*Needs* is the [permission](permissions.md) that the route asks for.",
        *tables,
    )


def _rules(generator: Any) -> dict[tuple[str, str], str]:
    generator._initialise_endpoints()
    found = {}
    for path, _, method, view in generator._get_paths_and_endpoints():
        found[path, method] = str(getattr(view, "permissions", {}).get(getattr(view, "action", ""), ""))
    return found


def _row(path: str, method: str, operation: Mapping[str, Any], schema: Mapping[str, Any], needs: str) -> tuple[str, ...]:
    query = [item["name"] for item in operation.get("parameters", ()) if item["in"] == "query" and item["name"] not in _EVERYWHERE]
    answers = markdown.code(*(status for status in operation["responses"] if status < "300"))
    parts = {"": operation.get("description", "").split("\n\n")[0], "Query: ": markdown.code(*query), "Body: ": _body(operation, schema)}
    said = [title + text for title, text in {**parts, "Answers ": answers}.items() if text]
    return markdown.code(f"{method.upper()} {path.removeprefix(PREFIX)}"), markdown.code(needs), "<br>".join(said)


def _body(operation: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    shape: Mapping[str, Any] = next((item.get("schema", {}) for item in content.values()), {})
    while "$ref" in shape:
        shape = schema["components"]["schemas"][shape["$ref"].rsplit("/", 1)[-1]]
    required = shape.get("required", ())
    names = [name for name, field in shape.get("properties", {}).items() if not field.get("readOnly")]
    return ", ".join(f"`{name}`" + (" (required)" if name in required else "") for name in names)
