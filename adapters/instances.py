"""Instances of adapters: made, changed, checked, and found for a step."""

import contextlib
import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Expression, QuerySet
from pydantic import BaseModel, SecretStr, ValidationError

from accounts.models import Environment
from adapters import breakers, errors, limits, registry
from adapters.choices import Health, Mode
from adapters.contract import Adapter, CallContext
from adapters.models import AdapterInstance, Binding, SecretRead
from audit import journal
from audit.choices import Kind
from core import canonical, clock
from core.actors import Actor, system
from core.errors import Conflict, Invalid, NotFound
from core.reads import Read

#: How many readings of secrets are journaled in one transaction.
MOST_READS = 10_000


class NoInstance(NotFound):
    """No adapter serves this action here."""

    code = "no_instance"


class NameTaken(Conflict):
    """There is an instance with this name already."""

    code = "name_taken"


class WrongConfig(Invalid):
    """The configuration does not fit the adapter."""

    code = "wrong_config"


class WrongMode(Invalid):
    """The adapter does not have this mode."""

    code = "wrong_mode"


class CannotServe(Invalid):
    """This adapter does not serve the capability here."""

    code = "cannot_serve"


class Declared(Conflict):
    """This instance is declared in a file: change it there."""

    code = "declared"


def create(
    *,
    environment: Environment,
    adapter: str,
    name: str,
    actor: Actor,
    now: dt.datetime,
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    mode: Mode | None = None,
    rate: str = "",
    bind: bool = True,
    declared: bool = False,
) -> AdapterInstance:
    """Return a new instance, bound to each capability of its adapter that has none yet; raises NameTaken, WrongConfig."""
    cls = registry.adapter(adapter)
    mode = mode or cls.modes[0]
    validate(adapter=adapter, config=config or {}, secrets=secrets or {}, mode=mode, rate=rate)
    row = AdapterInstance(
        tenant_id=environment.tenant_id, environment=environment, adapter=adapter, name=name, config=dict(config or {}),
        secrets=dict(secrets or {}) or None, mode=mode, rate=rate, declared=declared,
        created_at=now,
    )  # fmt: skip
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            for capability in sorted(cls.capabilities()) if bind else ():
                Binding.objects.get_or_create(
                    environment=environment, capability=capability, defaults={"tenant_id": environment.tenant_id, "instance": row}
                )
            _journal(row, Kind.ADAPTER_CREATED, actor, now)
    except IntegrityError as error:
        raise NameTaken(f"There is an instance {name!r} in {environment.slug} already.") from error
    return row


def change(
    *,
    instance: AdapterInstance,
    actor: Actor,
    now: dt.datetime,
    config: Mapping[str, Any] | None = None,
    secrets: Mapping[str, str] | None = None,
    mode: Mode | None = None,
    enabled: bool | None = None,
    rate: str | None = None,
    declared: bool = False,
) -> AdapterInstance:
    """Change an instance; what is not given stays. Raises WrongConfig, or Declared where it comes from a file.

    `declared` says that the file itself changes it: then the secrets given are all that it has.
    """
    if instance.declared != declared:
        raise Declared
    if config is not None:
        instance.config = dict(config)
    if secrets is not None:
        instance.secrets = {**({} if declared else instance.secrets or {}), **secrets}
    instance.mode = mode or instance.mode
    instance.enabled = instance.enabled if enabled is None else enabled
    instance.rate = instance.rate if rate is None else rate
    validate(
        adapter=instance.adapter, config=instance.config, secrets=instance.secrets or {}, mode=instance.mode, rate=instance.rate
    )
    # Whoever has mended it wants to see at once whether that helped.
    instance.breaker = {}
    with transaction.atomic():
        instance.save(update_fields=["config", "secrets", "mode", "enabled", "rate", "breaker"])
        _journal(instance, Kind.ADAPTER_CHANGED, actor, now)
    return instance


def bind(*, instance: AdapterInstance, capability: str, actor: Actor, now: dt.datetime, reason: str = "") -> Binding:
    """Let an instance serve a capability in its environment from now on; raises CannotServe where it could not."""
    if capability not in registry.adapter(instance.adapter).capabilities():
        raise CannotServe(f"{instance.name} has no action of {capability!r}.")
    if not instance.enabled:
        raise CannotServe(f"{instance.name} is disabled.", hint="Enable it first.")
    with transaction.atomic():
        before = Binding.objects.select_related("instance").filter(environment=instance.environment_id, capability=capability).first()
        row, _ = Binding.objects.update_or_create(
            environment_id=instance.environment_id, capability=capability,
            defaults={"tenant_id": instance.tenant_id, "instance": instance},
        )
        was = before.instance.name if before else ""
        _journal(instance, Kind.ADAPTER_BOUND, actor, now, capability=capability, before=was, reason=reason[:500])
    return row


def release(*, instance: AdapterInstance, actor: Actor, now: dt.datetime) -> AdapterInstance:
    """Let an instance go that is no longer declared: it is disabled, and administrators may change it. Returns it."""
    instance.declared, instance.enabled = False, False
    with transaction.atomic():
        instance.save(update_fields=["declared", "enabled"])
        _journal(instance, Kind.ADAPTER_CHANGED, actor, now)
    return instance


def validate(*, adapter: str, config: Mapping[str, Any], secrets: Mapping[str, Any], mode: str | None, rate: str) -> None:
    """Raise NoSuchAdapter, WrongMode or WrongConfig where an instance cannot be like this."""
    cls = registry.adapter(adapter)
    _checked_mode(cls, mode or cls.modes[0])
    _checked_config(cls, config, secrets)
    _checked_rate(rate)


def check(*, instance: AdapterInstance, actor: Actor, now: dt.datetime) -> AdapterInstance:
    """Ask the vendor whether it answers, keep the answer, and return the instance."""
    context = CallContext(instance_id=instance.pk, tenant_id=instance.tenant_id, timeout=10.0, turn=limits.of(instance))
    try:
        health = load(instance, actor=actor, now=now).health_check(context)
        instance.health, instance.health_detail = (Health.HEALTHY if health.healthy else Health.UNHEALTHY), health.detail[:500]
    except errors.AdapterError as error:
        instance.health, instance.health_detail = Health.UNHEALTHY, f"{error.message} {error.hint}"[:500]
    instance.checked_at = now
    if instance.health == Health.HEALTHY:
        breakers.close(instance)
    with transaction.atomic():
        instance.save(update_fields=["health", "health_detail", "checked_at"])
        _journal(instance, Kind.ADAPTER_CHECKED, actor, now, health=instance.health)
    return instance


def resolve(*, tenant_id: uuid.UUID, environment_id: uuid.UUID, action: str, name: str = "") -> AdapterInstance:
    """Return the instance that serves `action`: the one named, or the one bound to its capability. Raises NoInstance."""
    capability = action.split(".")[0]
    place = {"tenant": tenant_id, "environment": environment_id}
    row = _NAMED.first(**place, name=name) if name else _BOUND.first(**place, capability=capability)
    if row is None and not name and _own(environment_id, capability):
        row = _BOUND.first(**place, capability=capability)
    if row is None:
        what = f"The adapter {name!r} is not there or not enabled" if name else f"No enabled adapter is bound to {capability!r}"
        raise NoInstance(f"{what} in this environment.", hint="An administrator adds one under Adapters.")
    if action not in {item.name for item in registry.adapter(row.adapter).actions}:
        raise NoInstance(f"The adapter {row.name} cannot do {action}.", hint="Bind another adapter to this capability.")
    return row


def _enabled(tenant: Expression, environment: Expression) -> QuerySet[AdapterInstance]:
    return AdapterInstance.objects.filter(tenant_id=tenant, environment_id=environment, enabled=True).order_by("pk")


_NAMED = Read(lambda tenant, environment, name: _enabled(tenant, environment).filter(name=name)[:1])
_BOUND = Read(lambda tenant, environment, capability: _enabled(tenant, environment).filter(bindings__capability=capability)[:1])


def _own(environment_id: uuid.UUID, capability: str) -> bool:
    """Make the instance of an app of ours that serves a capability to which nothing is bound; return whether there is such an app.

    It needs no configuration, so nobody has to add it. Bound once, it stays as an administrator leaves it.
    """
    cls = registry.own().get(capability)
    if cls is None or Binding.objects.filter(environment=environment_id, capability=capability).exists():
        return cls is not None
    with contextlib.suppress(NameTaken):
        environment = Environment.objects.get(pk=environment_id)
        create(environment=environment, adapter=cls.name, name=cls.name, actor=system("engine"), now=clock.now())
    return True


def load(instance: AdapterInstance, *, actor: Actor, now: dt.datetime) -> Adapter:
    """Return the adapter with the instance's configuration. Each reading of its secrets is noted, for the journal to tell."""
    cls = registry.adapter(instance.adapter)
    secrets = instance.secrets or {}
    if secrets:
        SecretRead.objects.create(instance=instance, actor=actor.to_dict(), names=sorted(secrets), at=now)
    return cls(_checked_config(cls, instance.config, secrets), live=instance.mode == Mode.LIVE)


def journal_reads(*, now: dt.datetime) -> int:
    """Journal the readings of secrets that were noted, one entry for each instance and who read it; return how many there were.

    A call reads its secrets each time. Entries of one stream wait for each other, so calls do not write them themselves.
    """
    with transaction.atomic():
        rows = SecretRead.objects.select_for_update(skip_locked=True, of=("self",)).select_related("instance__environment")
        found = list(rows.order_by("id")[:MOST_READS])
        together: dict[tuple[object, str], list[SecretRead]] = {}
        for row in found:
            together.setdefault((row.instance_id, row.actor["id"]), []).append(row)
        for reads in together.values():
            who, names = Actor(**reads[0].actor), sorted({name for row in reads for name in row.names})
            span = {"first": clock.iso(reads[0].at), "last": clock.iso(reads[-1].at)}
            _journal(reads[0].instance, Kind.SECRET_READ, who, now, names=names, reads=len(reads), **span)
        SecretRead.objects.filter(pk__in=[row.pk for row in found]).delete()
    return len(found)


def config_digest(instance: AdapterInstance) -> str:
    """Return the digest of an instance's configuration, by which an approval knows that it is still the same."""
    # Keyed, so that nobody who sees the digest can try secrets against it.
    key = settings.SECRET_KEY.encode()
    secrets = hmac.new(key, canonical.dumps(instance.secrets), hashlib.sha256).hexdigest() if instance.secrets else ""
    return canonical.digest({"adapter": instance.adapter, "config": instance.config, "mode": instance.mode, "secrets": secrets})


def secret_names(adapter: str) -> list[str]:
    """Return the names of the secrets that an adapter is configured with."""
    fields = registry.adapter(adapter).Config.model_fields
    return [name for name, field in fields.items() if "SecretStr" in str(field.annotation)]


def _checked_mode(cls: type[Adapter], mode: str) -> None:
    if mode not in cls.modes:
        raise WrongMode(f"{cls.name} cannot be {mode}: it is {', '.join(cls.modes)}.")


def _checked_rate(rate: str) -> None:
    try:
        if rate:
            limits.parsed(rate)
    except ValueError as error:
        raise WrongConfig("The rate is not valid.", fields={"rate": str(error)}) from error


def _checked_config(cls: type[Adapter], config: Mapping[str, Any], secrets: Mapping[str, Any]) -> BaseModel:
    try:
        return cls.Config.model_validate({**config, **{name: SecretStr(value) for name, value in secrets.items()}})
    except ValidationError as error:
        fields = {".".join(map(str, item["loc"])): item["msg"] for item in error.errors()}
        raise WrongConfig(f"The configuration does not fit {cls.name}.", fields=fields) from error


def _journal(row: AdapterInstance, kind: Kind, actor: Actor, now: dt.datetime, **data: object) -> None:
    journal.append(
        stream=f"tenant:{row.tenant_id}", kind=kind, actor=actor, now=now, subject=("adapter", row.pk), tenant_id=row.tenant_id,
        environment=row.environment.slug, data={"name": row.name, "adapter": row.adapter, "mode": row.mode, **data},
    )  # fmt: skip
