"""Nodes and links, written where the fact arises; writing one twice changes nothing."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

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


def record_alert(
    *, tenant_id: uuid.UUID, alert_id: uuid.UUID, title: str, involved: Sequence[tuple[NodeKind, str]], now: dt.datetime
) -> None:
    """Note what an alert speaks of: hosts, users, addresses, files. Costs three statements, however many there are."""
    common: dict[str, Any] = {"tenant_id": tenant_id, "created_at": now}
    itself = (NodeKind.ALERT, str(alert_id))
    wanted = {(kind, key.strip().lower()[:LONGEST]) for kind, key in involved if key.strip()}
    labels = {itself: title[:LONGEST] or itself[1]}
    # In one order everywhere, so that two alerts about the same things never wait for each other in a circle.
    nodes = [Node(**common, kind=kind, key=key, label=labels.get((kind, key), key)) for kind, key in sorted({itself, *wanted})]
    with transaction.atomic(savepoint=False):
        Node.objects.bulk_create(nodes, ignore_conflicts=True)
        rows = Node.objects.filter(tenant_id=tenant_id, key__in={node.key for node in nodes}).values_list("kind", "key", "id")
        ids = {(kind, key): node_id for kind, key, node_id in rows}
        links = [
            Link(**common, kind=LinkKind.INVOLVES, source_id=ids[itself], target_id=node_id)
            for node_id in sorted(ids[one] for one in wanted)
        ]
        Link.objects.bulk_create(links, ignore_conflicts=True)

