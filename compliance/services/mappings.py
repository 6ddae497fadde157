"""Which playbook serves which control, from when until when."""

import datetime as dt
from collections.abc import Mapping as AnyMapping

from django.db import transaction

from accounts.models import Environment
from audit import journal
from audit.choices import Kind
from compliance.models import Control, Mapping
from compliance.services import history
from core.actors import Actor
from core.errors import Conflict, Invalid
from playbooks_app.models import Playbook


class NotOneTenant(Invalid):
    """The control, the playbook and the environment belong to different tenants."""

    code = "not_one_tenant"


class WrongInterval(Invalid):
    """The end of the interval lies before its start."""

    code = "wrong_interval"


class UnknownSelector(Invalid):
    """The selector is not of the form {"steps": [step ids]}."""

    code = "unknown_selector"


class AlreadyEnded(Conflict):
    """The mapping has ended."""

    code = "already_ended"


def add(
    *,
    control: Control,
    playbook: Playbook,
    actor: Actor,
    now: dt.datetime,
    environment: Environment | None = None,
    selector: AnyMapping[str, object] | None = None,
    rationale: str = "",
    valid_from: dt.datetime | None = None,
    valid_until: dt.datetime | None = None,
) -> Mapping:
    """Map `playbook` to `control` and return the mapping; one that already stands in these words is returned as it is.

    Raises NotOneTenant, WrongInterval and UnknownSelector.
    """
    start, chosen = valid_from or now, _selector(selector or {})
    if playbook.tenant_id != control.tenant_id or (environment and environment.tenant_id != control.tenant_id):
        raise NotOneTenant
    if valid_until and valid_until <= start:
        raise WrongInterval
    with transaction.atomic():
        standing = Mapping.objects.filter(control=control, playbook=playbook, environment=environment, valid_until=valid_until)
        same: Mapping | None = next((row for row in standing.filter(valid_from__lte=start) if row.selector == chosen), None)
        if same:
            return same
        mapping = Mapping(
            tenant_id=control.tenant_id, control=control, playbook=playbook, environment=environment, selector=chosen,
            rationale=rationale, valid_from=start, valid_until=valid_until, created_at=now,
        )
        history.save(mapping, actor=actor, now=now, reason=rationale or "Mapped.")
        _journal(mapping, "added", actor, now)
    return mapping


def end(*, mapping: Mapping, actor: Actor, now: dt.datetime, at: dt.datetime | None = None, reason: str = "") -> Mapping:
    """End a mapping at `at`, or now; what it served before stays served. Raises AlreadyEnded and WrongInterval."""
    until = at or now
    with transaction.atomic():
        row: Mapping = Mapping.objects.select_for_update().get(pk=mapping.pk)
        if row.valid_until and row.valid_until <= now:
            raise AlreadyEnded
        if until <= row.valid_from:
            raise WrongInterval
        row.valid_until = until
        history.save(row, actor=actor, now=now, reason=reason or "Ended.")
        _journal(row, "ended", actor, now)
    return row


def _selector(given: AnyMapping[str, object]) -> dict[str, object]:
    if not given:
        return {}
    steps = given.get("steps")
    if set(given) != {"steps"} or not isinstance(steps, list) or not steps or not all(isinstance(step, str) for step in steps):
        raise UnknownSelector
    return {"steps": sorted(set(steps))}


def _journal(mapping: Mapping, change: str, actor: Actor, now: dt.datetime) -> None:
    journal.append(
        stream=f"tenant:{mapping.tenant_id}", kind=Kind.MAPPING_CHANGED, actor=actor, now=now, subject=("mapping", mapping.pk),
        tenant_id=mapping.tenant_id, refs=[("control", mapping.control_id), ("playbook", mapping.playbook_id)],
        data={
            "change": change, "selector": mapping.selector, "valid_from": mapping.valid_from, "valid_until": mapping.valid_until,
        },
    )
