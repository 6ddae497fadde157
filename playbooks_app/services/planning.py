"""Before the first step: enrichment, each source bounded in time, its failure recorded and never in the way."""

import dataclasses
import datetime as dt
from typing import Any

from adapters import calls, instances
from adapters.choices import CallPurpose
from adapters.models import Call
from audit.choices import Kind
from core import clock, redaction
from core.errors import DomainError
from playbooks_app.choices import ExecutionStatus
from playbooks_app.engine import states
from playbooks_app.selectors import snapshots
from playbooks_app.services import flights
from playbooks_app.services.drive import Drive
from playbooks_app.spec import expressions

SECONDS = 5.0

#: What a playbook calls it -> (its place under `enrichment`, [(action, parameter, where the alert has it)]), first found wins.
SOURCES: dict[str, tuple[str, tuple[tuple[str, str, str], ...]]] = {
    "geoip": ("geoip", (("geo.lookup", "ip", "alert.source.ip"), ("geo.lookup", "ip", "alert.destination.ip"))),
    "assets": ("asset", (("asset.lookup", "host", "alert.host.name"),)),
    "users": ("user", (("user.lookup", "user", "alert.user.name"),)),
    "threat_intel": (
        "threat_intel",
        (
            ("intel.enrich_hash", "hash", "alert.process.hash.sha256"),
            ("intel.enrich_hash", "hash", "alert.file.hash.sha256"),
            ("intel.enrich_ip", "ip", "alert.destination.ip"),
            ("intel.enrich_domain", "domain", "alert.dns.question.name"),
        ),
    ),
}


@dataclasses.dataclass(frozen=True, slots=True)
class LookUp:
    """One look-up before the first step: its place under `enrichment`, and its call or why there is none."""

    place: str
    source: str = ""
    call: Call | None = None
    problem: str = ""


def plan(drive: Drive) -> None:
    """Enrich from all sources at once, then let the execution begin."""
    execution, now = drive.execution, clock.now()
    if execution.status == ExecutionStatus.IDLE:
        execution.status = states.execution(execution.status, ExecutionStatus.PLANNING)
        drive.batch.fields |= {"status"}
    found = [item for name in drive.playbook.enrich if (item := _looked_for(drive, str(name), now)) is not None]
    drive.batch.new_calls += [item.call for item in found if item.call is not None]
    if drive.batch.new_calls:
        drive.commit()
    answers = _answers(drive, found)
    now = clock.now()
    execution.enrichment = answers
    execution.status = states.execution(execution.status, ExecutionStatus.EXECUTING)
    drive.batch.fields |= {"enrichment", "status"} if answers else {"status"}
    failed = sorted(place for place, answer in answers.items() if "error" in answer)
    drive.note(Kind.EXECUTION_PLANNED, now, status=execution.status, enriched=sorted(answers), failed=failed)


def _looked_for(drive: Drive, name: str, now: dt.datetime) -> LookUp | None:
    place, attempts = SOURCES[name]
    scope = snapshots.scope(drive.execution, drive.playbook, {}, now)
    for action, parameter, path in attempts:
        value = expressions.compile_expression(path).evaluate(scope, strict=False).value
        if value:
            return _drafted(drive, place, action, {parameter: str(value)[:500]}, now)
    return None


def _drafted(drive: Drive, place: str, action: str, params: dict[str, str], now: dt.datetime) -> LookUp:
    execution = drive.execution
    try:
        instance = instances.resolve(tenant_id=execution.tenant_id, environment_id=execution.environment_id, action=action)
    except DomainError as error:
        return LookUp(place, problem=error.detail)
    call = calls.draft(
        instance=instance, environment=execution.environment.slug, owner=("execution", execution.pk), step="", action=action,
        params=params, key="", attempt=1, now=now, purpose=CallPurpose.ENRICH,
    )  # fmt: skip
    return LookUp(place, instance.name, call)


def _answers(drive: Drive, found: list[LookUp]) -> dict[str, Any]:
    made = [item for item in found if item.call is not None]
    answers: dict[str, Any] = {item.place: {"error": item.problem} for item in found if item.call is None}
    outcomes = flights.together((item.call, SECONDS) for item in made if item.call is not None)
    for item, outcome in zip(made, outcomes, strict=True):
        assert item.call is not None  # noqa: S101
        now = clock.now()
        drive.batch.calls.append(calls.settle(item.call, outcome, now=now))
        if outcome.error is not None:
            answers[item.place] = {"error": outcome.error.message}
        else:
            answer: Any = redaction.redact(outcome.output)
            answers[item.place] = {**answer, "source": item.source, "at": clock.iso(now)}
    return answers
