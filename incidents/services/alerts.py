"""Alerts as they come in: each stored once, durably, with the bytes that were sent."""

import contextlib
import dataclasses
import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

import structlog
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction
from django.db.models import F

from accounts.models import Environment, Tenant
from audit import journal
from audit.choices import Kind
from core import canonical, writes
from core.actors import Actor
from core.errors import DomainError, Invalid
from core.literals import Literal
from core.reads import Read
from entities.choices import NodeKind
from entities.services import graph
from incidents.models import Alert, AlertSource
from incidents.spec import extract, identity, normalise, reading

log = structlog.get_logger(__name__)


class NotStorable(Invalid):
    """The alert holds something that cannot be stored."""

    code = "not_storable"


class WrongEnvironment(Invalid):
    """The environment belongs to another tenant."""

    code = "wrong_environment"


@dataclasses.dataclass(frozen=True, slots=True)
class Accepted:
    """An alert that is stored. A duplicate's `alert` is the first one, and it starts nothing."""

    alert: Alert
    duplicate: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """Why the document at `index`, from 0, is no alert."""

    index: int
    error: DomainError


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """What came of each document, in order. `single`: the body was one document, and is answered as one."""

    results: list[Accepted | Refused]
    single: bool

    @property
    def accepted(self) -> list[Accepted]:
        """The documents that are stored, in order."""
        return [result for result in self.results if isinstance(result, Accepted)]

    @property
    def refused(self) -> list[Refused]:
        """The documents that are not, each with its error."""
        return [result for result in self.results if isinstance(result, Refused)]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Door:
    """What all alerts of a body have in common."""

    tenant: Tenant
    environment: Environment
    headers: Mapping[str, str]
    source: AlertSource | None
    trigger_source: str
    source_key: str
    batch_sha256: str
    actor: Actor
    now: dt.datetime


def ingest(
    *,
    tenant: Tenant,
    environment: Environment,
    body: bytes,
    content_type: str = "",
    headers: Mapping[str, str] | None = None,
    source: AlertSource | None = None,
    trigger_source: str = "",
    actor: Actor,
    now: dt.datetime,
) -> Batch:
    """Store the alerts of `body`, each in a transaction of its own, and return what came of each.

    Raises a DomainError where the body as a whole cannot be read, or is one document that is no alert.
    """
    if environment.tenant_id != tenant.pk:
        raise WrongEnvironment
    found = reading.read(body, content_type=content_type, alert_max=settings.ALERT_MAX_BYTES, batch_max=settings.BATCH_MAX_BYTES)
    door = _Door(
        tenant=tenant,
        environment=environment,
        headers=headers or {},
        source=source,
        trigger_source=trigger_source or (source.trigger_source if source else ""),
        source_key=(f"source:{source.name}" if source else f"{actor.kind}:{actor.id}")[:80],
        batch_sha256="" if found.single else found.sha256,
        actor=actor,
        now=now,
    )
    results = [_result(item, index, door) for index, item in enumerate(found.items)]
    if found.single and isinstance(results[0], Refused):
        raise results[0].error
    return Batch(results, found.single)


def _result(item: reading.Item | DomainError, index: int, door: _Door) -> Accepted | Refused:
    if isinstance(item, DomainError):
        return Refused(index, item)
    try:
        return _store(_alert(item, door), door)
    except DataError:
        log.exception("alert_not_storable", index=index)
        return Refused(index, NotStorable())


def _alert(item: reading.Item, door: _Door) -> tuple[Alert, extract.Extracted, str]:
    """Return the row to store, what was read out of it, and the key of the hour before."""
    document = normalise.normalise(item.document)
    said = extract.extract(document, door.headers)
    external = identity.external_id(document)
    keys = identity.keys(document, source_key=door.source_key, external=external, now=door.now)
    alert = Alert(
        tenant=door.tenant,
        environment=door.environment,
        source=door.source,
        trigger_source=extract.trigger_source(door.trigger_source, document, said.detectforge),
        source_key=door.source_key,
        external_id=external[:255],
        dedup_key=keys.own,
        edge_key=keys.edge,
        original=item.original,
        sha256=canonical.sha256(item.original),
        batch_sha256=door.batch_sha256,
        document=document,
        notes=item.notes,
        received_at=door.now,
        last_seen_at=door.now,
        created_at=door.now,
        detectforge=said.detectforge,
        occurred_at=said.occurred_at,
        rule_name=said.rule_name,
        rule_id=said.rule_id,
        severity=said.severity,
        confidence=said.confidence,
        techniques=said.techniques,
        host=said.host,
        user=said.user,
    )
    return alert, said, keys.before


def _store(made: tuple[Alert, extract.Extracted, str], door: _Door) -> Accepted:
    alert, said, before = made
    first = _of_the_hour_before(before, door) or _holder(alert, door)
    involved = [(NodeKind.HOST, said.host), (NodeKind.USER, said.user), *((NodeKind.ADDRESS, ip) for ip in said.addresses)]
    # Somebody else may note each host, user and address first.
    again = len(involved)
    while first is None:
        try:
            _insert(alert, involved, door)
        except IntegrityError:
            # Whoever comes second sees the first, also where both came at once.
            first = _holder(alert, door)
            if first is None and not again:
                raise
            again -= 1
        else:
            return Accepted(alert, duplicate=False)
    return _repeated(first, alert, door)


def _of_the_hour_before(key: str, door: _Door) -> Alert | None:
    if not key:
        return None
    since = door.now - identity.WINDOW
    return _read(_SINCE.first(tenant=door.tenant.pk, key=key, since=since))


def _holder(alert: Alert, door: _Door) -> Alert | None:
    """Return the alert that has one of this one's keys."""
    found = _read(_WITH_KEY.first(tenant=door.tenant.pk, key=alert.dedup_key))
    return found or (_read(_AT_EDGE.first(tenant=door.tenant.pk, key=alert.edge_key)) if alert.edge_key else None)


def _read(found: tuple[uuid.UUID] | None) -> Alert | None:
    return Alert.objects.get(pk=found[0]) if found else None


_WITH_KEY = Read(lambda tenant, key: Alert.objects.filter(tenant_id=tenant, dedup_key=key).values_list("id"))
_AT_EDGE = Read(
    lambda tenant, key: Alert.objects.exclude(edge_key=Literal("")).filter(tenant_id=tenant, edge_key=key).values_list("id")
)
_SINCE = Read(
    lambda tenant, key, since: (
        Alert.objects.filter(tenant_id=tenant, dedup_key=key, received_at__gt=since).order_by("id").values_list("id")[:1]
    )
)


def _insert(alert: Alert, involved: Sequence[tuple[NodeKind, str]], door: _Door) -> None:
    """Store the alert with what it speaks of and its entry; raises IntegrityError where its key, or one of those, is taken."""
    received = _fact(Kind.ALERT_RECEIVED, alert, door, {"sha256": alert.sha256, "batch_sha256": alert.batch_sha256})
    # Nobody else knows this stream yet, so nobody can have appended to it.
    links = journal.Tail(received.stream, 0, "").chain([received])
    nodes = graph.of_alert(tenant_id=door.tenant.pk, alert_id=alert.pk, title=alert.rule_name, involved=involved, now=door.now)
    # One statement is a transaction of its own.
    with transaction.atomic() if connection.in_atomic_block else contextlib.nullcontext():
        writes.write(links.guards, [writes.Insert([alert]), *nodes, *links.changes])
    links.written()


def _repeated(first: Alert, again: Alert, door: _Door) -> Accepted:
    with transaction.atomic():
        Alert.objects.filter(pk=first.pk).update(duplicates=F("duplicates") + 1, last_seen_at=door.now)
        first.refresh_from_db(fields=["duplicates", "last_seen_at"])
        journal.append_all([_fact(Kind.ALERT_REPEATED, first, door, {"sha256": again.sha256, "batch_sha256": again.batch_sha256})])
    return Accepted(first, duplicate=True)


def _fact(kind: Kind, alert: Alert, door: _Door, data: Mapping[str, object]) -> journal.Fact:
    refs: list[tuple[str, object]] = [("alert", alert.pk)]
    if door.source:
        refs.append(("alert_source", door.source.pk))
    return journal.Fact(
        stream=f"alert:{alert.pk}",
        kind=kind,
        actor=door.actor,
        now=door.now,
        subject=("alert", alert.pk),
        tenant_id=door.tenant.pk,
        environment=door.environment.slug,
        refs=refs,
        data=data,
    )
