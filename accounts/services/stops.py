"""The emergency stop: engaged in one step, released only by those who may, with a reason."""

import datetime as dt
import uuid

from django.db import IntegrityError, transaction

from accounts.choices import Permission
from accounts.models import EmergencyStop, Tenant
from accounts.selectors import access
from accounts.selectors.stops import DEPLOYMENT, standing
from audit import journal
from audit.choices import Kind
from core.actors import Actor
from core.errors import Conflict, Invalid


class NotStanding(Conflict):
    """No stop stands here."""

    code = "not_standing"


class ReasonMissing(Invalid):
    """A stop, and lifting one, needs a reason."""

    code = "reason_missing"


def engage(*, tenant: Tenant | None, reason: str, actor: Actor, now: dt.datetime) -> EmergencyStop:
    """Stop every write of a tenant, or of all; one that stands already is returned as it is."""
    _authorise(tenant, Permission.ENGAGE_STOP, reason, actor)
    scope = str(tenant.pk) if tenant else DEPLOYMENT
    try:
        with transaction.atomic():
            stop = EmergencyStop.objects.create(tenant=tenant, scope=scope, reason=reason, engaged_by=actor.name, engaged_at=now)
            _journal(stop, Kind.STOP_ENGAGED, reason, actor, now)
    except IntegrityError:
        return EmergencyStop.objects.get(scope=scope, released_at=None)
    return stop


def release(*, tenant: Tenant | None, reason: str, actor: Actor, now: dt.datetime) -> None:
    """Lift the stop of a tenant, or the deployment's; raises NotStanding, which says where another one stands."""
    _authorise(tenant, Permission.RELEASE_STOP, reason, actor)
    scope = str(tenant.pk) if tenant else DEPLOYMENT
    with transaction.atomic():
        found = EmergencyStop.objects.filter(scope=scope, released_at=None).first()
        if found is None or not EmergencyStop.objects.filter(pk=found.pk, released_at=None).update(
            released_at=now, released_by=actor.name, release_reason=reason
        ):
            raise NotStanding(NotStanding.__doc__, hint=_elsewhere(tenant))
        _journal(found, Kind.STOP_RELEASED, reason, actor, now)


def _elsewhere(tenant: Tenant | None) -> str:
    stop = standing(tenant.pk) if tenant else None
    if stop is None:
        return ""
    return f"Every tenant is stopped ({stop.reason.rstrip('.')}): the operator lifts that with runbookpilot stop --release --all-tenants."


def _authorise(tenant: Tenant | None, permission: Permission, reason: str, actor: Actor) -> None:
    if not reason.strip():
        raise ReasonMissing(ReasonMissing.__doc__)
    if tenant is not None:
        access.require(actor, permission, tenant.pk)
    elif not (actor.is_superuser or actor.is_system):
        raise access.MayNot("Only a superuser, or the operator on the machine, stops every tenant, or lifts that stop.")


def _journal(stop: EmergencyStop, kind: Kind, reason: str, actor: Actor, now: dt.datetime) -> None:
    tenant_id: uuid.UUID | None = stop.tenant_id
    journal.append(
        stream=f"tenant:{tenant_id}" if tenant_id else DEPLOYMENT,
        kind=kind,
        actor=actor,
        now=now,
        subject=("stop", stop.pk),
        tenant_id=tenant_id,
        data={"reason": reason},
    )
