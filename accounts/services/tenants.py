"""Tenants and their environments."""

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.choices import EnvironmentKind
from accounts.models import Environment, Tenant
from audit import journal
from audit.choices import Kind
from core.actors import Actor
from core.errors import Conflict, Invalid

EDITABLE = frozenset({"name", "max_level", "l2_enabled", "approve_notifications", "notices_name_targets", "is_active"})


class SlugTaken(Conflict):
    """There is one with this slug already."""

    code = "slug_taken"


class NotAField(Invalid):
    """This cannot be changed here."""

    code = "not_a_field"


def create(*, slug: str, name: str, actor: Actor, now: dt.datetime, **settings: Any) -> Tenant:
    """Return a new tenant with its default environment `production`; raises SlugTaken or Invalid."""
    tenant = _cleaned(Tenant(slug=slug, name=name, created_at=now, **_editable(settings)))
    try:
        with transaction.atomic():
            tenant.save(force_insert=True)
            Environment.objects.create(tenant=tenant, slug="production", name="Production", is_default=True)
            journal.append(
                stream=f"tenant:{tenant.pk}",
                kind=Kind.TENANT_CREATED,
                actor=actor,
                now=now,
                subject=("tenant", tenant.pk),
                tenant_id=tenant.pk,
                data={"slug": slug},
            )
    except IntegrityError as error:
        raise SlugTaken(f"There is a tenant {slug!r} already.") from error
    return tenant


def change(*, tenant: Tenant, actor: Actor, now: dt.datetime, reason: str = "", **settings: Any) -> Tenant:
    """Change settings of a tenant; the reason stays in its history. Raises NotAField or Invalid."""
    wanted = _editable(settings)
    changed = {name: value for name, value in wanted.items() if getattr(tenant, name) != value}
    for name, value in changed.items():
        setattr(tenant, name, value)
    _cleaned(tenant)
    with transaction.atomic():
        if changed:
            tenant._change_reason = reason[:100]  # type: ignore[attr-defined]
            tenant.save(update_fields=list(changed))
            journal.append(
                stream=f"tenant:{tenant.pk}",
                kind=Kind.TENANT_CHANGED,
                actor=actor,
                now=now,
                subject=("tenant", tenant.pk),
                tenant_id=tenant.pk,
                data={**changed, "reason": reason[:500]} if reason else changed,
            )
    return tenant


def add_environment(
    *, tenant: Tenant, slug: str, name: str, kind: EnvironmentKind, actor: Actor, now: dt.datetime
) -> Environment:
    """Return a new environment of the tenant; raises SlugTaken or Invalid."""
    environment = _cleaned(Environment(tenant=tenant, slug=slug, name=name, kind=kind))
    try:
        with transaction.atomic():
            environment.save(force_insert=True)
            journal.append(
                stream=f"tenant:{tenant.pk}",
                kind=Kind.ENVIRONMENT_CREATED,
                actor=actor,
                now=now,
                subject=("environment", environment.pk),
                tenant_id=tenant.pk,
                environment=slug,
                data={"slug": slug, "kind": kind},
            )
    except IntegrityError as error:
        raise SlugTaken(f"The tenant has an environment {slug!r} already.") from error
    return environment


def _editable(settings: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(settings) - EDITABLE)
    if unknown:
        raise NotAField(f"{', '.join(unknown)} cannot be changed here.")
    return settings


def _cleaned(row: Any) -> Any:
    try:
        row.clean_fields()
    except ValidationError as error:
        raise Invalid("Some fields are not valid.", fields=error.message_dict) from error
    return row
