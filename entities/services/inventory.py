"""The asset inventory: hosts with what they are worth, who owns them and what runs on them."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.db import transaction
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from accounts.choices import Permission
from accounts.models import Tenant
from accounts.selectors import access
from audit import journal
from audit.choices import Kind
from core import canonical
from core.actors import Actor
from core.errors import Invalid
from entities.choices import Criticality, LinkKind, NodeKind
from entities.services import graph

MOST = 50_000
MOST_PROBLEMS = 50


class WrongInventory(Invalid):
    """The inventory was not taken in: some of its hosts are not right."""

    code = "wrong_inventory"


class Host(BaseModel):
    """One host of an inventory. In a table its services stand in one cell, with a semicolon between."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", str_strip_whitespace=True, use_enum_values=True)

    host: str = Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x20\x7f]+$")
    criticality: Criticality = Criticality.MEDIUM
    owner: str = Field("", max_length=255, pattern=r"^[^\x00-\x1f\x7f]*$")
    services: list[str] = Field(default_factory=list, max_length=100)

    @field_validator("services", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return [name.strip() for name in value.split(";") if name.strip()] if isinstance(value, str) else value


def take_in(*, tenant: Tenant, rows: Iterable[Mapping[str, Any]], actor: Actor, now: dt.datetime) -> int:
    """Take in hosts `{"host", "criticality", "owner", "services"}` and return how many; all of them, or none.

    A host that is known gets what is given here; one that is not named stays. Raises WrongInventory with what is wrong in
    which row.
    """
    access.require(actor, Permission.MANAGE_ADAPTERS, tenant.pk)
    hosts = _checked(rows)
    with transaction.atomic():
        for host in hosts:
            attributes = host.model_dump(exclude={"host"})
            node = graph.upsert_node(tenant_id=tenant.pk, kind=NodeKind.HOST, key=host.host, attributes=attributes, now=now)
            for name in host.services:
                service = graph.upsert_node(tenant_id=tenant.pk, kind=NodeKind.SERVICE, key=name, now=now)
                graph.link(source=service, target=node, kind=LinkKind.RUNS_ON, now=now)
        digest = canonical.digest([host.model_dump() for host in hosts])
        journal.append(
            stream=f"inventory:{tenant.pk}", kind=Kind.INVENTORY_IMPORTED, actor=actor, now=now, subject=("tenant", tenant.pk),
            tenant_id=tenant.pk, data={"hosts": len(hosts), "sha256": digest},
        )  # fmt: skip
    return len(hosts)


def _checked(rows: Iterable[Mapping[str, Any]]) -> list[Host]:
    hosts: list[Host] = []
    problems: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if number > MOST:
            raise WrongInventory(f"An inventory has at most {MOST} hosts at once: send it in parts.")
        try:
            hosts.append(Host.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            problems[f"row {number}"] = f"{'.'.join(map(str, first['loc'])) or 'the row'}: {first['msg']}"[:300]
        if len(problems) >= MOST_PROBLEMS:
            break
    if problems:
        raise WrongInventory(fields=problems)
    return hosts
