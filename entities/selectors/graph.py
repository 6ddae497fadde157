"""What the graph knows of a host, and what stands around it."""

import uuid
from typing import Any

from django.db.models import Q

from entities.choices import NodeKind
from entities.models import Link, Node

MOST = 500


def asset(*, tenant_id: uuid.UUID, host: str) -> dict[str, Any] | None:
    """Return what the inventory holds on a host, by its name or the first label of it; None where it is unknown."""
    name = host.strip().lower()
    rows = {
        node.key: node
        for node in Node.objects.filter(tenant_id=tenant_id, kind=NodeKind.HOST, key__in={name, name.split(".")[0]})
    }
    node = rows.get(name) or rows.get(name.split(".")[0])
    if node is None or "criticality" not in node.attributes:
        return None
    return {"host": node.key, **node.attributes}


def count_hosts(*, tenant_id: uuid.UUID) -> int:
    """Return how many hosts the inventory holds."""
    return Node.objects.filter(tenant_id=tenant_id, kind=NodeKind.HOST).count()


def neighbourhood(*, node: Node, depth: int = 1, limit: int = MOST) -> list[Node]:
    """Return the nodes within `depth` links of `node`, nearest first, at most `limit`."""
    seen: dict[uuid.UUID, None] = {node.pk: None}
    edge = [node.pk]
    for _ in range(depth):
        pairs = Link.objects.filter(Q(source__in=edge) | Q(target__in=edge), tenant_id=node.tenant_id)
        found = {end for pair in pairs.values_list("source_id", "target_id")[: limit * 4] for end in pair}
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
