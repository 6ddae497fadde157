"""What the graph knows of a host, and what stands around it."""

import uuid
from typing import Any

from django.db.models import Q, QuerySet

from entities.choices import LinkKind, NodeKind
from entities.models import Link, Node

MOST = 500
#: What a blast radius names; and through how many services, and how many alerts, it looks.
REACHED = (NodeKind.HOST, NodeKind.USER, NodeKind.SERVICE)
MOST_BETWEEN = 200


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
    """Return the hosts, users and services that stand with a target, by kind, at most MOST: in four queries, however many alerts.

    They are linked to it, or to a service that is linked to it, or to one of the newest alerts about it.
    """
    reach: dict[str, list[str]] = {"hosts": [], "users": [], "services": []}
    node = Node.objects.filter(tenant_id=tenant_id, kind=kind, key=key.strip().lower()).first()
    if node is None:
        return reach
    # Thousands of alerts may speak of a host: they are left out where they would only be sorted out again.
    beside = _ends(Link.objects.exclude(kind=LinkKind.INVOLVES), [node.pk])
    services = Node.objects.filter(pk__in=beside[0].union(beside[1]), kind=NodeKind.SERVICE).order_by("pk").values_list("pk", flat=True)
    alerts = Link.objects.filter(target=node, kind=LinkKind.INVOLVES).order_by("-pk").values_list("source_id", flat=True)
    between = [*services[:MOST_BETWEEN], *alerts[:MOST_BETWEEN]]
    around = beside[0].union(beside[1], *_ends(Link.objects.all(), between))
    for item in Node.objects.filter(pk__in=around, kind__in=REACHED).exclude(pk=node.pk).order_by("pk")[:MOST]:
        reach[f"{item.kind}s"].append(item.label)
    return reach


def _ends(links: QuerySet[Link], nodes: list[uuid.UUID]) -> tuple[QuerySet[Link, Any], QuerySet[Link, Any]]:
    """Select the ids of what these links join to any of the nodes, whichever way they point."""
    return links.filter(source__in=nodes).values_list("target_id"), links.filter(target__in=nodes).values_list("source_id")
