"""Which playbooks an alert starts: every decision is kept, also the one that starts nothing, and why."""

import dataclasses
import datetime as dt
import uuid
from typing import Any

from django.db import transaction

from audit import journal
from audit.choices import Kind
from core import canonical, redaction, writes
from core.actors import system
from core.errors import DomainError
from core.reads import Read
from incidents.models import Alert
from playbooks_app.models import Playbook, TechniqueMapping, TriggerDecision
from playbooks_app.services import executions
from playbooks_app.spec import expressions, loader
from playbooks_app.spec.schema import Trigger

TRIGGER = system("trigger")


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What whoever lets an alert be matched allows at most: a level, and whether every write is simulated."""

    level: str | None = None
    drill: bool = False


def match(*, alert_id: uuid.UUID, now: dt.datetime, terms: Terms = Terms()) -> list[TriggerDecision]:
    """Decide what an alert starts, once; return the decisions. A second call finds them made."""
    with transaction.atomic():
        alert = _ALERT.first(alert=alert_id)
        if alert is None:
            raise Alert.DoesNotExist(f"There is no alert {alert_id}.")
        if alert.decided_at is not None:
            return list(alert.decisions.all())
        rows = _ENABLED.all(tenant=alert.tenant_id)
        techniques = set(_MAPPED.all(tenant=alert.tenant_id))
        decisions = [_decided(alert, playbook, techniques, now, terms) for playbook in rows]
        if not any(decision.matched for decision in decisions):
            instead = _default(alert, rows, techniques, now, terms)
            taken = {decision.playbook_id for decision in instead}
            decisions = [*(decision for decision in decisions if decision.playbook_id not in taken), *instead]
        if not rows:
            decisions.append(_keep(alert, None, False, "There is no playbook to consider.", now))
        alert.decided_at = now
        writes.write([], [writes.Insert(decisions), writes.Update([alert], ("decided_at",))])
        for decision in decisions:
            decision._state.adding = False
        journal.append(
            stream=f"alert:{alert.pk}", kind=Kind.ALERT_DECIDED, actor=TRIGGER, now=now, subject=("alert", alert.pk),
            tenant_id=alert.tenant_id, environment=alert.environment.slug, refs=[("alert", alert.pk)],
            data={"matched": [decision.playbook.slug for decision in decisions if decision.matched and decision.playbook]},
        )  # fmt: skip
    return decisions


_ALERT = Read(
    lambda alert: Alert.objects.select_for_update(of=("self",)).select_related("tenant", "environment").filter(pk=alert)
)
_ENABLED = Read(
    lambda tenant: Playbook.objects.filter(tenant=tenant, enabled=True).select_related("active_version").order_by("slug")
)
_MAPPED = Read(lambda tenant: TechniqueMapping.objects.filter(tenant=tenant).values_list("technique", "playbook_id"))


def _decided(
    alert: Alert, playbook: Playbook, techniques: set[tuple[str, Any]], now: dt.datetime, terms: Terms
) -> TriggerDecision:
    version = playbook.active_version
    if version is None:
        return _keep(alert, playbook, False, "It has no active version.", now)
    parsed = loader.parse_canonical(version.document, digest=version.digest)
    last: tuple[str, str, dict[str, Any]] = (
        "It has no trigger for this source, and none of the alert's techniques is mapped to it.",
        "",
        {},
    )
    for trigger in parsed.triggers:
        matched, why, reads = _fits(alert, trigger)
        if matched:
            return _start(alert, playbook, why, trigger.when or "", reads, now, terms)
        last = (why, trigger.when or "", reads)
    if not parsed.triggers:
        mapped = next((item for item in _with_parents(alert.techniques) if (item, playbook.pk) in techniques), "")
        if mapped:
            return _start(alert, playbook, f"The technique {mapped} is mapped to it.", "", {}, now, terms)
    return _keep(alert, playbook, False, last[0], now, condition=last[1], reads=last[2])


def _default(
    alert: Alert, rows: list[Playbook], techniques: set[tuple[str, Any]], now: dt.datetime, terms: Terms
) -> list[TriggerDecision]:
    """Start the tenant's default playbook, where it has one, for an alert that nothing else matched."""
    for playbook in rows:
        if ("", playbook.pk) in techniques and playbook.active_version is not None:
            return [_start(alert, playbook, "Nothing else matched, and it is the tenant's default.", "", {}, now, terms)]
    return []


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


def _start(
    alert: Alert, playbook: Playbook, why: str, condition: str, reads: dict[str, Any], now: dt.datetime, terms: Terms
) -> TriggerDecision:
    try:
        execution = executions.start(
            tenant=alert.tenant,
            environment=alert.environment,
            version=playbook.active_version,
            alert=alert,
            actor=TRIGGER,
            now=now,
            level=terms.level,
            drill=terms.drill,
        )
    except DomainError as error:
        return _keep(alert, playbook, True, f"{why} It could not start: {error.sentence}", now, condition=condition, reads=reads)
    return _keep(alert, playbook, True, why, now, condition=condition, reads=reads, execution=execution)


def _keep(
    alert: Alert,
    playbook: Playbook | None,
    matched: bool,
    why: str,
    now: dt.datetime,
    *,
    condition: str = "",
    reads: Any = None,
    execution: Any = None,
) -> TriggerDecision:
    return TriggerDecision(
        tenant_id=alert.tenant_id, alert=alert, playbook=playbook, version=playbook.active_version if playbook else None, matched=matched,
        why=why[:1000], condition=condition, reads=reads or {}, execution=execution, created_at=now,
    )  # fmt: skip
