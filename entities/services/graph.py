"""Nodes and links, written where the fact arises; writing one twice changes nothing."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from core import writes
from core.reads import Read
from entities.choices import LinkKind, NodeKind
from entities.models import Link, Node

LONGEST = 255


def upsert_node(
    *,
    tenant_id: uuid.UUID,
    kind: NodeKind,
    key: str,
    label: str = "",
    attributes: Mapping[str, Any] | None = None,
    now: dt.datetime,
) -> Node:
    """Return the node with this key, made where it is missing; attributes given are merged into those it has."""
    key = key.strip().lower()[:LONGEST]
    node, created = Node.objects.get_or_create(
        tenant_id=tenant_id,
        kind=kind,
        key=key,
        defaults={"label": (label or key)[:LONGEST], "attributes": dict(attributes or {}), "created_at": now},
    )
    if not created and attributes and not (attributes.items() <= node.attributes.items()):
        with transaction.atomic():
            node = Node.objects.select_for_update().get(pk=node.pk)
            node.attributes = {**node.attributes, **attributes}
            node.save(update_fields=["attributes"])
    return node


def link(*, source: Node, target: Node, kind: LinkKind, now: dt.datetime) -> None:
    """Join two nodes of one tenant."""
    Link.objects.get_or_create(
        source=source, target=target, kind=kind, defaults={"tenant_id": source.tenant_id, "created_at": now}
    )


def known(*, tenant: Any, kinds: Sequence[Any], keys: Sequence[Any]) -> QuerySet[Node, tuple[str, str, uuid.UUID]]:
    """Return kind, key and id of the nodes of a tenant that are of one of these kinds and have one of these keys."""
    return Node.objects.filter(tenant_id=tenant, kind__in=kinds, key__in=keys).values_list("kind", "key", "id")


_KNOWN = Read(lambda tenant, kinds, keys: known(tenant=tenant, kinds=kinds, keys=keys))


def of_alert(
    *, tenant_id: uuid.UUID, alert_id: uuid.UUID, title: str, involved: Iterable[tuple[NodeKind, str]], now: dt.datetime
) -> list[writes.Insert]:
    """Return the nodes and links to write for a new alert and what it speaks of: hosts, users, addresses, files.

    One statement, however many there are. Writing them raises IntegrityError where somebody else has made one of the nodes
    meanwhile: then ask again.
    """
    common: dict[str, Any] = {"tenant_id": tenant_id, "created_at": now}
    wanted = sorted({(kind, key.strip().lower()[:LONGEST]) for kind, key in involved if key.strip()})
    kinds, keys = (sorted({one[part] for one in wanted}) for part in (0, 1))
    ids = {(kind, key): pk for kind, key, pk in _KNOWN.all(tenant=tenant_id, kinds=kinds, keys=keys)}
    # In one order everywhere, so that two alerts about the same things never wait for each other in a circle.
    nodes = [Node(**common, kind=kind, key=key, label=key) for kind, key in wanted if (kind, key) not in ids]
    itself = Node(**common, kind=NodeKind.ALERT, key=str(alert_id), label=title[:LONGEST] or str(alert_id))
    ids |= {(node.kind, node.key): node.pk for node in nodes}
    links = [Link(**common, kind=LinkKind.INVOLVES, source_id=itself.pk, target_id=ids[one]) for one in wanted]
    return [writes.Insert([*nodes, itself]), writes.Insert(links)]
