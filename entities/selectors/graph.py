"""What the graph knows of a host, and what stands around it."""

import uuid
from typing import Any

from django.db.models import Q

from entities.choices import NodeKind
from entities.models import Link, Node

MOST = 500


def asset(*, tenant_id: uuid.UUID, host: str) -> dict[str, Any] | None:
    """Return what the inventory holds on a host; None where it is unknown.

    A full name is also found by its first label, and says so, where no other full name in the inventory begins with it:
    `dc-1.north` is not `dc-1.south`.
    """
    name = host.strip().lower()
    label = name.split(".")[0]
    hosts = Node.objects.filter(tenant_id=tenant_id, kind=NodeKind.HOST, attributes__has_key="criticality")
    rows = {node.key: node for node in hosts.filter(Q(key__in={name, label}) | Q(key__startswith=f"{label}."))[:MOST]}
    if name in rows:
        return {"host": name, **rows[name].attributes}
    if label in rows and not any(key.startswith(f"{label}.") for key in rows):
        return {"host": label, "matched_by": "first label", **rows[label].attributes}
    return None


def inventory(*, tenant_id: uuid.UUID, limit: int = 10_000) -> list[dict[str, Any]]:
    """Return the hosts of the inventory by name: `{"host", "criticality", "owner", "services"}`."""
    rows = Node.objects.filter(tenant_id=tenant_id, kind=NodeKind.HOST, attributes__has_key="criticality").order_by("key")
    return [{"host": row.key, **row.attributes} for row in rows[:limit]]


def count_hosts(*, tenant_id: uuid.UUID) -> int:
    """Return how many hosts the inventory holds."""
    return Node.objects.filter(tenant_id=tenant_id, kind=NodeKind.HOST).count()


def neighbourhood(*, node: Node, depth: int = 1, limit: int = MOST) -> list[Node]:
    """Return the nodes within `depth` links of `node`, nearest first, at most `limit`."""
    seen: dict[uuid.UUID, None] = {node.pk: None}
    edge = [node.pk]
    for _ in range(depth):
        pairs = Link.objects.filter(Q(source__in=edge) | Q(target__in=edge), tenant_id=node.tenant_id)
        ends = pairs.order_by("source_id", "target_id").values_list("source_id", "target_id")[: limit * 4]
        found = dict.fromkeys(end for pair in ends for end in pair)
        edge = [item for item in found if item not in seen][: limit - len(seen) + 1]
        seen.update(dict.fromkeys(edge))
        if not edge or len(seen) > limit:
            break
    seen.pop(node.pk)
    by_id = Node.objects.in_bulk(list(seen)[:limit])
    return [by_id[key] for key in seen if key in by_id]


def blast_radius(*, tenant_id: uuid.UUID, kind: NodeKind, key: str) -> dict[str, list[str]]:
    """Return the hosts, users and services next to a target, by kind."""
    node = Node.objects.filter(tenant_id=tenant_id, kind=kind, key=key.strip().lower()).first()
    around = neighbourhood(node=node, depth=1) if node else []
    reach: dict[str, list[str]] = {"hosts": [], "users": [], "services": []}
    for item in around:
        if f"{item.kind}s" in reach:
            reach[f"{item.kind}s"].append(item.label)
    return reach
