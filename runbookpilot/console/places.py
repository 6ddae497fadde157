"""Where somebody stands: their tenants and environments, their roles there, and what the frame says of it. One query a request."""

import dataclasses
import uuid
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.http import HttpRequest

from accounts.choices import ROLE_PERMISSIONS, Permission, Role
from accounts.models import EmergencyStop, Environment, Membership, User
from accounts.selectors.stops import DEPLOYMENT
from adapters import registry
from adapters.choices import Mode
from adapters.models import AdapterInstance
from approvals.choices import Status
from approvals.models import Request

TENANT, ENVIRONMENT = "console_tenant", "console_environment"


@dataclasses.dataclass(frozen=True, slots=True)
class Spot:
    """An environment of a tenant that somebody belongs to, with one of their roles there."""

    role: str
    tenant_id: uuid.UUID
    tenant_slug: str
    tenant_name: str
    environment_id: uuid.UUID
    environment_slug: str
    environment_name: str
    stopped: bool
    live: bool
    pending: int | None


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """All spots of a user, and those of the tenant and environment that they chose to look at."""

    spots: tuple[Spot, ...]
    chosen: tuple[Spot, ...]
    tenant_slug: str
    environment_slug: str

    @property
    def roles(self) -> list[str]:
        """The roles held in what is looked at, in words, most powerful last."""
        held = {spot.role for spot in self.chosen}
        return [role.label for role in Role if role.value in held]

    @property
    def writes(self) -> str:
        """Whether writes are `stopped`, `live` or `mock` in what is looked at."""
        if any(spot.stopped for spot in self.chosen):
            return "stopped"
        return "live" if any(spot.live for spot in self.chosen) else "mock"

    @property
    def pending(self) -> int:
        """How many approvals wait in what is looked at, where they may be read."""
        counts = {
            spot.environment_id: spot.pending or 0
            for spot in self.chosen
            if Permission.VIEW_RECORDS in ROLE_PERMISSIONS[Role(spot.role)]
        }
        return sum(counts.values())

    @property
    def tenants(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """The tenants with their environments: (slug, name, [(slug, name)])."""
        found: dict[tuple[str, str], dict[str, str]] = {}
        for spot in self.spots:
            found.setdefault((spot.tenant_slug, spot.tenant_name), {})[spot.environment_slug] = spot.environment_name
        return [(slug, name, sorted(places.items())) for (slug, name), places in sorted(found.items())]

    @property
    def several(self) -> bool:
        """Whether there is anything to choose between."""
        return len({spot.environment_id for spot in self.spots}) > 1

    @property
    def words(self) -> str:
        """What is looked at, in words."""
        if not self.chosen:
            return "no tenant"
        if len({spot.tenant_id for spot in self.chosen}) > 1:
            return "All tenants"
        first = self.chosen[0]
        one = len({spot.environment_id for spot in self.chosen}) == 1
        return f"{first.tenant_name} / {first.environment_name if one else 'all environments'}"

    def may(self, permission: str, tenant_id: uuid.UUID | None = None) -> bool:
        """Return whether some role permits this in what is looked at, or in the tenant; services check it again."""
        spots = self.spots if tenant_id else self.chosen
        return any(
            permission in ROLE_PERMISSIONS[Role(spot.role)] for spot in spots if tenant_id is None or spot.tenant_id == tenant_id
        )

    def stopped_in(self, tenant_id: uuid.UUID) -> bool:
        """Return whether an emergency stop binds the tenant."""
        return any(spot.stopped for spot in self.spots if spot.tenant_id == tenant_id)

    def narrowed(self, rows: QuerySet[Any], *, environment: str = "environment_id") -> QuerySet[Any]:
        """Return those of `rows` that belong to what is looked at; `environment` is their column for it, where they have one."""
        if self.tenant_slug:
            rows = rows.filter(tenant_id__in={spot.tenant_id for spot in self.chosen})
        if self.environment_slug and environment:
            rows = rows.filter(**{f"{environment}__in": {spot.environment_id for spot in self.chosen}})
        return rows


def here(request: HttpRequest) -> Place:
    """Return where the user stands; read once a request."""
    if not hasattr(request, "_place"):
        user = request.user
        spots = tuple(_spots(user)) if isinstance(user, User) and user.is_active else ()
        request._place = _placed(spots, request.session.get(TENANT, ""), request.session.get(ENVIRONMENT, ""))  # type: ignore[attr-defined]
    place: Place = request._place  # type: ignore[attr-defined]
    return place


def choose(request: HttpRequest, tenant: str, environment: str) -> None:
    """Look at one tenant and environment from now on in this session; empty: at all of them."""
    request.session[TENANT], request.session[ENVIRONMENT] = tenant, environment if tenant else ""


def _placed(spots: tuple[Spot, ...], tenant: str, environment: str) -> Place:
    chosen = tuple(spot for spot in spots if spot.tenant_slug == tenant) if tenant else spots
    if not chosen:
        return Place(spots, spots, "", "")
    narrow = tuple(spot for spot in chosen if spot.environment_slug == environment) if tenant and environment else ()
    return Place(spots, narrow or chosen, tenant, environment if narrow else "")


def _spots(user: User) -> Iterable[Spot]:
    rows: Any
    if user.is_superuser:
        rows = Environment.objects.filter(tenant__is_active=True)
        columns = _columns("", Value(Role.ADMINISTRATOR.value))
    else:
        rows = Membership.objects.filter(user=user, tenant__is_active=True, tenant__environments__isnull=False)
        columns = _columns("tenant__environments__", F("role"))
    found = [Spot(*row) for row in rows.values_list(*columns)]
    return sorted(found, key=lambda spot: (spot.tenant_name, spot.environment_name, spot.role))


def _columns(environment: str, role: Any) -> tuple[Any, ...]:
    """Return the columns of a spot in the order of its fields; `environment` is the way to the environment."""
    stops = EmergencyStop.objects.filter(Q(scope=DEPLOYMENT) | Q(tenant=OuterRef("tenant_id")), released_at=None)
    # What an app of ours does with its own records reaches nobody, and says nothing about whether writes are live.
    reaching = {name: cls for name, cls in registry.adapters().items() if cls not in registry.own().values()}
    writers = [name for name, cls in reaching.items() if any(action.effect.is_write for action in cls.actions)]
    live = AdapterInstance.objects.filter(
        environment=OuterRef(f"{environment}id"), enabled=True, mode=Mode.LIVE, adapter__in=writers
    )
    waiting = Request.objects.filter(environment=OuterRef(f"{environment}id"), status=Status.PENDING).order_by()
    counted = waiting.values("environment").annotate(count=Count("pk")).values("count")
    names = ["tenant_id", "tenant__slug", "tenant__name", f"{environment}id", f"{environment}slug", f"{environment}name"]
    return (role, *names, Exists(stops), Exists(live), Subquery(counted))
