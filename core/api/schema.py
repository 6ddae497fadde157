"""The OpenAPI schema of every endpoint, with the problem documents that it may answer."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from core.api import queries

READS = {"400": "Something in the address is not valid, not known, or named more than once.", "401": "Nobody is logged in.", "403": "You may not do this."}
ALWAYS = {
    "404": "There is no such thing, or not for you.",
    "406": "No such form.",
    "409": "This cannot be done in the present state.",
    "429": "Too many requests.",
}
WRITES = {
    "412": "It was changed since you read it.",
    "413": "The body is too large.",
    "415": "The body has another type than is accepted.",
    "422": "The request is valid, and cannot be carried out.",
}

PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457), and where.",
    "required": ["type", "title", "status", "code", "detail", "trace_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "A word that programs may rely on."},
        "detail": {"type": "string", "description": "A sentence for people."},
        "hint": {"type": "string", "description": "What to do."},
        "fields": {"description": "What is wrong with each field."},
        "trace_id": {"type": "string", "description": "By which the log is searched."},
    },
}


class ProblemAwareSchema(AutoSchema):
    """Documents the errors that any endpoint may answer as problem documents."""

    def _get_parameters(self) -> Any:
        found: list[Any] = super()._get_parameters()
        configuration = getattr(self.view, "is_configuration", False)
        if hasattr(self.view, "asked_with"):
            own = [parameter.described() for parameter in queries.own(self.view, self.method)]
            found = [*own, *(one for one in found if one["name"] not in {parameter["name"] for parameter in own})]
        if self.method == "POST":
            found.append(_header("Idempotency-Key", "Sent twice with one key, it is done once and answered the same."))
        if self.method != "GET" and configuration and getattr(self.view, "detail", None) is not False:
            found.append(_header("If-Match", "The ETag of what you saw: 412 where it has changed since."))
        return sorted(found, key=lambda parameter: str(parameter["name"]))

    def get_filter_backends(self) -> Any:
        view: Any = self.view
        return view.filter_backends if hasattr(view, "filtered") and queries.is_filtered(view) else []

    def _get_pagination_parameters(self) -> Any:
        paged = hasattr(self.view, "filtered") and queries.is_paged(self.view)
        return super()._get_pagination_parameters() if paged else []  # type: ignore[no-untyped-call]

    def _get_response_bodies(self, direction: str = "response") -> Any:
        found: dict[str, Any] = super()._get_response_bodies(direction)  # type: ignore[arg-type]
        component = ResolvedComponent(name="Problem", type=ResolvedComponent.SCHEMA, schema=PROBLEM, object="Problem")  # type: ignore[no-untyped-call]
        self.registry.register_on_missing(component)
        known = {**READS, **ALWAYS, **(WRITES if self.method != "GET" else {})}
        for status, sentence in known.items():
            body = {"description": sentence, "content": {"application/problem+json": {"schema": component.ref}}}
            found.setdefault(status, body)
        return found


def _header(name: str, description: str) -> dict[str, Any]:
    return {"in": "header", "name": name, "schema": {"type": "string"}, "description": description}
