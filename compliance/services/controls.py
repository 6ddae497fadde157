"""What a tenant decides about a control: its owner, its freshness, whether it applies, which risk is accepted."""

import datetime as dt

from django.db import transaction

from accounts.models import User
from audit import journal
from audit.choices import Kind
from compliance.models import Control, ControlException
from compliance.services import history
from core.actors import Actor
from core.errors import Invalid


class ReasonNeeded(Invalid):
    """A reason is needed, in words."""

    code = "reason_needed"


class EndNeeded(Invalid):
    """An accepted risk ends, and after it starts."""

    code = "end_needed"


class WrongFreshness(Invalid):
    """Evidence stays fresh for 1 to 3660 days."""

    code = "wrong_freshness"


def change(
    *,
    control: Control,
    actor: Actor,
    now: dt.datetime,
    owner: User | None = None,
    freshness_days: int | None = None,
    applicable: bool | None = None,
    reason: str = "",
) -> Control:
    """Change what is given and return the control; raises ReasonNeeded for "not applicable" without one, WrongFreshness."""
    if applicable is False and not reason.strip():
        raise ReasonNeeded
    if freshness_days is not None and not 1 <= freshness_days <= 3660:
        raise WrongFreshness
    with transaction.atomic():
        row: Control = Control.objects.select_for_update().get(pk=control.pk)
        row.owner = owner or row.owner
        row.freshness_days = freshness_days or row.freshness_days
        if applicable is not None:
            row.applicable, row.applicability_reason = applicable, "" if applicable else reason[:500]
        history.save(row, actor=actor, now=now, reason=reason or "Changed.")
        data: dict[str, object] = {"owner": row.owner_id, "freshness_days": row.freshness_days, "applicable": row.applicable}
        _journal(row, "changed", data, actor, now)
    return row


def accept_risk(
    *,
    control: Control,
    reason: str,
    valid_until: dt.datetime,
    actor: Actor,
    now: dt.datetime,
    valid_from: dt.datetime | None = None,
) -> ControlException:
    """Record that the risk of not meeting `control` is accepted until a date; raises ReasonNeeded and EndNeeded."""
    start = valid_from or now
    if not reason.strip():
        raise ReasonNeeded
    if valid_until <= start:
        raise EndNeeded
    with transaction.atomic():
        row = ControlException(
            tenant_id=control.tenant_id, control=control, reason=reason, accepted_by=actor.name, valid_from=start,
            valid_until=valid_until, created_at=now,
        )
        history.save(row, actor=actor, now=now, reason="Accepted the risk.")
        _journal(control, "risk_accepted", {"exception": row.pk, "valid_from": start, "valid_until": valid_until}, actor, now)
    return row


def _journal(control: Control, change: str, data: dict[str, object], actor: Actor, now: dt.datetime) -> None:
    journal.append(
        stream=f"tenant:{control.tenant_id}", kind=Kind.CONTROL_CHANGED, actor=actor, now=now, subject=("control", control.pk),
        tenant_id=control.tenant_id, data={"change": change, **data},
    )
