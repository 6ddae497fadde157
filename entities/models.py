"""Nodes and links. An asset is a node of kind host with a criticality among its attributes."""

from django.db import models

from accounts.models import Governed, Tenant
from entities.choices import LinkKind, NodeKind


class Node(Governed):
    """Something that records speak of, once per tenant and key (a host by its name in lower case)."""

    # Each index is written with each alert: those that nothing asks for are left out.
    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=NodeKind)
    key = models.CharField(max_length=255)
    label = models.CharField(max_length=255)
    attributes = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "key"], name="node_once_per_tenant")]

    def __str__(self) -> str:
        return self.label


class Link(Governed):
    """A typed, directed link between two nodes of one tenant."""

    tenant = models.ForeignKey(Tenant, on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=16, choices=LinkKind)
    source = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="links_out", db_index=False)
    target = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="links_in")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "target", "kind"], name="link_once")]
