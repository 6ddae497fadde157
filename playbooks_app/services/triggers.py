"""Which playbooks an alert starts: every decision is kept, also the one that starts nothing, and why."""

import dataclasses
import datetime as dt
import uuid
from typing import Any

from django.db import transaction
from django.db.models import Expression, QuerySet

from audit import journal
from audit.choices import Kind
from core import canonical, redaction, writes
from core.actors import system
from core.errors import DomainError
from core.reads import Read
from incidents.models import Alert
from playbooks_app.models import Execution, Playbook, TechniqueMapping, TriggerDecision
from playbooks_app.services import executions
from playbooks_app.spec import expressions, loader
from playbooks_app.spec.schema import Trigger

TRIGGER = system("trigger")


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What whoever lets an alert be matched allows at most: a level, and whether every write is simulated."""

    level: str | None = None
    drill: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an alert starts a playbook, and why; the condition that told, and the values that it read."""

    playbook: Playbook | None
    matched: bool
    why: str
    condition: str = ""
    reads: dict[str, Any] = dataclasses.field(default_factory=dict)


def match(*, alert_id: uuid.UUID, now: dt.datetime, terms: Terms = Terms()) -> list[TriggerDecision]:
    """Decide what an alert starts, once; return the decisions. A second call finds them made."""
    alert = _ALERT.first(alert=alert_id, stream=f"alert:{alert_id}")
    if alert is None:
        raise Alert.DoesNotExist(f"There is no alert {alert_id}.")
    if alert.decided_at is None:
        verdicts = _verdicts(alert)
        made = None if any(verdict.matched for verdict in verdicts) else _kept(alert, verdicts, now)
        made = made or _started(alert, now, terms)
        if made is not None:
            return made
    return list(alert.decisions.all())


def _kept(alert: Alert, verdicts: list[Verdict], now: dt.datetime) -> list[TriggerDecision] | None:
    """Keep, in one statement, that an alert starts nothing; return None, with nothing kept, where somebody else was at it meanwhile."""
    decisions = [_decision(alert, verdict, now) for verdict in verdicts]
    links = journal.Tail.beside(alert, f"alert:{alert.pk}").chain([_fact(alert, decisions, now)])
    guard = writes.Guard(Alert, {"id": alert.pk, "decided_at": None}, {"decided_at": now})
    if not writes.write([guard, *links.guards], [writes.Insert(decisions), *links.changes]):
        return None
    links.written()
    return _stored(decisions)


def _started(alert: Alert, now: dt.datetime, terms: Terms) -> list[TriggerDecision] | None:
    """Start what an alert matches, and keep all that was decided; return None where somebody else has done so."""
    with transaction.atomic():
        if not Alert.objects.select_for_update().filter(pk=alert.pk, decided_at=None).values_list("pk"):
            return None
        # Whoever waited for the lock may have read playbooks that were disabled meanwhile.
        decisions = [
            _start(alert, verdict.playbook, verdict, now, terms) if verdict.matched and verdict.playbook else _decision(alert, verdict, now)
            for verdict in _verdicts(alert)
        ]
        alert.decided_at = now
        writes.write([], [writes.Insert(decisions), writes.Update([alert], ("decided_at",))])
        journal.append_all([_fact(alert, decisions, now)])
    return _stored(decisions)


def _stored(decisions: list[TriggerDecision]) -> list[TriggerDecision]:
    for decision in decisions:
        decision._state.adding = False
    return decisions


def _fact(alert: Alert, decisions: list[TriggerDecision], now: dt.datetime) -> journal.Fact:
    return journal.Fact(
        stream=f"alert:{alert.pk}", kind=Kind.ALERT_DECIDED, actor=TRIGGER, now=now, subject=("alert", alert.pk),
        tenant_id=alert.tenant_id, environment=alert.environment.slug, refs=[("alert", alert.pk)],
        data={"matched": [decision.playbook.slug for decision in decisions if decision.matched and decision.playbook]},
    )  # fmt: skip


def _alert(alert: Expression, stream: Expression) -> QuerySet[Alert]:
    rows = Alert.objects.select_related("tenant", "environment").filter(pk=alert)
    return rows.annotate(**journal.end_of(stream))


_ALERT = Read(_alert)
_ENABLED = Read(
    lambda tenant: Playbook.objects.filter(tenant=tenant, enabled=True).select_related("active_version").order_by("slug")
)
_MAPPED = Read(lambda tenant: TechniqueMapping.objects.filter(tenant=tenant).values_list("technique", "playbook_id"))


def _verdicts(alert: Alert) -> list[Verdict]:
    """Return what each playbook that is considered has to say to an alert."""
    playbooks = _ENABLED.all(tenant=alert.tenant_id)
    if not playbooks:
        return [Verdict(None, False, "There is no playbook to consider.")]
    techniques = set(_MAPPED.all(tenant=alert.tenant_id))
    found = [_verdict(alert, playbook, techniques) for playbook in playbooks]
    if any(verdict.matched for verdict in found):
        return found
    defaults = (playbook for playbook in playbooks if ("", playbook.pk) in techniques and playbook.active_version is not None)
    default = next(defaults, None)
    if default is None:
        return found
    others = [verdict for verdict in found if verdict.playbook != default]
    return [*others, Verdict(default, True, "Nothing else matched, and it is the tenant's default.")]


def _verdict(alert: Alert, playbook: Playbook, techniques: set[tuple[str, Any]]) -> Verdict:
    version = playbook.active_version
    if version is None:
        return Verdict(playbook, False, "It has no active version.")
    try:
        parsed = loader.parse_canonical(version.document, digest=version.digest)
    except loader.InvalidPlaybook as error:
        return Verdict(playbook, False, f"Its active version cannot be read: {str(error)[:300]}")
    last = Verdict(playbook, False, "It has no trigger for this source, and none of the alert's techniques is mapped to it.")
    for trigger in parsed.triggers:
        matched, why, reads = _fits(alert, trigger)
        last = Verdict(playbook, matched, why, trigger.when or "", reads)
        if matched:
            return last
    if not parsed.triggers:
        mapped = next((item for item in _with_parents(alert.techniques) if (item, playbook.pk) in techniques), "")
        if mapped:
            return Verdict(playbook, True, f"The technique {mapped} is mapped to it.")
    return last


def _fits(alert: Alert, trigger: Trigger) -> tuple[bool, str, dict[str, Any]]:
    """Return whether a trigger fits an alert, why, and the values that its condition read."""
    source = trigger.source.value
    if source not in ("any", alert.trigger_source):
        return False, f"It listens to {source}, and this alert came from {alert.trigger_source}.", {}
    if trigger.technique and trigger.technique not in _with_parents(alert.techniques):
        return False, f"It answers {trigger.technique}, and this alert has {', '.join(alert.techniques) or 'no technique'}.", {}
    if trigger.when is None:
        return True, f"Source {source}" + (f" and technique {trigger.technique}" if trigger.technique else "") + " fit.", {}
    try:
        found = expressions.compile_expression(trigger.when).evaluate(_scope(alert), strict=False)
    except expressions.ExpressionError as error:
        return False, f"Its condition cannot be evaluated: {error}", {}
    reads: Any = redaction.redact(canonical.plain(dict(found.reads)))
    return found.holds, "Its condition holds." if found.holds else "Its condition does not hold.", reads


def _scope(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.document,
        "tenant": alert.tenant.slug,
        "environment": alert.environment.slug,
        "enrichment": {},
        "inputs": {},
    }


def _with_parents(techniques: list[str]) -> list[str]:
    """Return the techniques, and after each sub-technique its technique."""
    found: dict[str, None] = {}
    for technique in techniques:
        found[technique] = None
        found[technique.split(".")[0]] = None
    return list(found)


def _start(alert: Alert, playbook: Playbook, verdict: Verdict, now: dt.datetime, terms: Terms) -> TriggerDecision:
    try:
        execution = executions.start(
            tenant=alert.tenant, environment=alert.environment, version=playbook.active_version, alert=alert,
            actor=TRIGGER, now=now, level=terms.level, drill=terms.drill,
        )  # fmt: skip
    except DomainError as error:
        return _decision(alert, dataclasses.replace(verdict, why=f"{verdict.why} It could not start: {error.sentence}"), now)
    return _decision(alert, verdict, now, execution)


def _decision(alert: Alert, verdict: Verdict, now: dt.datetime, execution: Execution | None = None) -> TriggerDecision:
    playbook = verdict.playbook
    return TriggerDecision(
        tenant_id=alert.tenant_id, alert=alert, playbook=playbook, version=playbook.active_version if playbook else None,
        matched=verdict.matched, why=verdict.why[:1000], condition=verdict.condition, reads=verdict.reads, execution=execution,
        created_at=now,
    )  # fmt: skip
