"""What an address may be asked with. A name that it does not know, or has twice, is refused: the answer would be to another question."""

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any

from rest_framework.request import Request
from rest_framework.settings import api_settings

from core.api import selection
from core.errors import Invalid

MOST_NAMED = 10
LONGEST_NAMED = 64
READS = ("GET", "HEAD")


class UnknownParameter(Invalid):
    """The query names what this address does not know."""

    code = "unknown_parameter"


class RepeatedParameter(Invalid):
    """The query names more than once what has one value."""

    code = "repeated_parameter"


@dataclasses.dataclass(frozen=True, slots=True)
class Parameter:
    """What an action reads from the query."""

    name: str
    description: str
    required: bool = False
    choices: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """Return it as the schema has it."""
        schema = {"type": "string", **({"enum": list(self.choices)} if self.choices else {})}
        required = {"required": True} if self.required else {}
        return {"in": "query", "name": self.name, **required, "description": self.description, "schema": schema}


TENANT = Parameter(
    "tenant", "The tenant, by slug or id, for who belongs to several; the header X-RunbookPilot-Tenant does the same."
)
ENVIRONMENT = Parameter("environment", "The environment, by slug; the header X-RunbookPilot-Environment does the same.")
FIELDS = Parameter(selection.PARAMETER, "The fields that the answer has, joined by commas.")


def own(view: Any, method: str) -> list[Parameter]:
    """Return what the action reads itself, besides its filters and pages."""
    selects = method in READS and view.renderer_classes[0].media_type == "application/json"
    return [TENANT, *([FIELDS] if selects else []), *view.asked_with.get(view.action, ())]


def is_filtered(view: Any) -> bool:
    """Return whether the action's rows are those that filters name."""
    return view.action in view.filtered


def is_paged(view: Any) -> bool:
    """Return whether the action answers page by page."""
    return view.action == "list" and view.pagination_class is not None


def known(view: Any, method: str) -> list[str]:
    """Return the names that the action may be asked with, those of one kind together."""
    found = [parameter.name for parameter in own(view, method)]
    if is_filtered(view):
        found += getattr(getattr(view, "filterset_class", None), "base_filters", ())
    if is_paged(view):
        found += [parameter["name"] for parameter in view.paginator.get_schema_operation_parameters(view)]
    return list(dict.fromkeys(found))


def check(request: Request, view: Any) -> None:
    """Raise UnknownParameter for a name that the action does not know, RepeatedParameter for one that comes twice, Invalid for a NUL."""
    if not request.query_params:
        return
    _refuse_unknown(request, known(view, request.method or ""))
    _refuse_repeated(request)
    _refuse_nul(request)


def _refuse_unknown(request: Request, names: list[str]) -> None:
    unknown = [name for name in request.query_params if name not in names and name != api_settings.URL_FORMAT_OVERRIDE]
    if not unknown:
        return
    shown = [name[:LONGEST_NAMED] for name in unknown[:MOST_NAMED]]
    raise UnknownParameter(
        f"This address is not asked with {', '.join(map(repr, shown))}.",
        hint=_meant(shown, names),
        fields={name: [f"There is no such parameter; there are: {', '.join(sorted(names))}."] for name in shown},
    )


def _refuse_repeated(request: Request) -> None:
    """Only the last would be read, and nobody told that the others were not."""
    repeated = [name for name, values in request.query_params.lists() if len(values) > 1]
    if repeated:
        raise RepeatedParameter(
            f"This query has {', '.join(map(repr, repeated))} more than once.",
            hint="Name each parameter once, and ask once for each value. Names in `fields` are joined by commas.",
            fields={name: ["This is named more than once, and has one value."] for name in repeated},
        )


def _refuse_nul(request: Request) -> None:
    """No text that is stored holds one, and PostgreSQL cannot even be asked for it."""
    with_nul = [name for name, values in request.query_params.lists() if any("\x00" in value for value in values)]
    if with_nul:
        raise Invalid(fields={name: ["A NUL character is not allowed here."] for name in with_nul})


def _meant(shown: Iterable[str], names: list[str]) -> str:
    close = [found[0] for name in shown if (found := difflib.get_close_matches(name, names, n=1))]
    return f"Did you mean {', '.join(dict.fromkeys(close))}?" if close else ""
