"""What a playbook's step can do with incidents: `incident.declare`."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from adapters import guard
from adapters.contract import Action, Adapter, CallContext, ExecutionResult, Health, Parameters, Result
from adapters.models import AdapterInstance
from audit.selectors import entries
from core import clock
from core.actors import Actor
from core.plurals import counted
from incidents.models import Alert, Incident
from incidents.services import incidents

LONGEST_TITLE = 300


class Declaration(Parameters):
    """What is known of the incident; techniques are the alert's where none are given."""

    title: str = Field(min_length=1)
    severity: Literal["SEV1", "SEV2", "SEV3", "SEV4", "SEV5"] = "SEV3"
    summary: str = ""
    category: str = Field("", max_length=64)
    techniques: list[str] = []


class Declared(Result):
    """The incident by its id and number; a dry run has neither."""

    id: str | None
    number: int | None
    title: str
    severity: str


#: Declaring changes nothing but our own records, and tells people: it runs by itself like a notification.
DECLARE = Action(
    name="incident.declare",
    verb="Declare incident",
    params=Declaration,
    result=Declared,
    takes_key=True,
    notification=True,
    target="title",
    predict=lambda params: {"id": None, "number": None, "title": _title(params), "severity": params.get("severity", "SEV3")},
)


class Incidents(Adapter):
    """Declares incidents in the tenant, linked to the execution and its alert. A repeated call finds the same incident."""

    name = "incidents"
    vendor = "RunbookPilot"
    actions = (DECLARE,)
    local = True

    def execute(self, name: str, params: Mapping[str, Any], context: CallContext) -> ExecutionResult:
        guard.write(name)
        place = AdapterInstance.objects.select_related("tenant", "environment").get(pk=context.instance_id)
        playbook, links = _origin(context)
        alert = _alert(links, place)
        row = incidents.declare(
            tenant=place.tenant,
            environment=place.environment,
            title=_title(params),
            severity=params.get("severity", "SEV3"),
            summary=params.get("summary", ""),
            category=params.get("category", ""),
            techniques=params.get("techniques") or (alert.techniques if alert else ()),
            occurred_at=alert.occurred_at if alert else None,
            detected_at=alert.received_at if alert else None,
            links=links,
            key=context.idempotency_key,
            actor=Actor(kind="system", id="system:engine", name=f"playbook {playbook}".strip()),
            now=clock.now(),
        )
        return ExecutionResult({"id": str(row.pk), "number": row.number, "title": row.title, "severity": row.severity})

    def health_check(self, context: CallContext) -> Health:
        return Health(True, f"{counted(Incident.objects.filter(tenant_id=context.tenant_id).count(), 'incident')} so far.")


def _title(params: Mapping[str, Any]) -> str:
    """Return the title; one that an alert made too long is cut rather than refused."""
    title = str(params["title"]).strip()
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"


def _origin(context: CallContext) -> tuple[str, list[tuple[str, object]]]:
    """Return the playbook and what the incident is linked to: the execution that declares it, and its alert."""
    kind, execution_id = context.owner
    started = entries.of_stream(f"execution:{execution_id}", limit=1) if kind == "execution" else []
    if not started:
        return "", []
    alert = started[0].ref("alert")
    links: list[tuple[str, object]] = [("execution", execution_id), *([("alert", alert)] if alert else [])]
    return str(started[0].data.get("playbook", "")), links


def _alert(links: list[tuple[str, object]], place: AdapterInstance) -> Alert | None:
    ids = [str(ref_id) for kind, ref_id in links if kind == "alert"]
    found: Alert | None = Alert.objects.filter(pk__in=ids, tenant=place.tenant).defer("original", "document").first()
    return found
