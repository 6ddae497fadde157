"""Requests asked directly of the service: a subject, a frozen document, a policy."""

import dataclasses
import datetime as dt
from typing import Any

from accounts.choices import Role
from accounts.models import Tenant, User
from approvals.models import Decision, Request
from approvals.services import decisions, requests
from approvals.services.requests import Policy
from audit.models import Entry
from core import ids
from core.actors import system
from tests import factories
from tests.factories import NOW

ENGINE = system("engine")
DOCUMENT = {"call": {"adapter": "mock-edr", "params": {"host": "ws-7"}}, "shown": {"impact": {"summary": "One host goes offline."}}}
TTL = dt.timedelta(hours=1)


@dataclasses.dataclass(frozen=True)
class World:
    """A tenant and its people by name."""

    tenant: Tenant
    people: dict[str, User]

    def __getattr__(self, name: str) -> User:
        return self.people[name]

    def ask(self, *roles: str, quorum: int = 1, **given: Any) -> Request:
        """Ask for consent; analysts are asked where nobody is named."""
        policy = {name: given.pop(name) for name in ("four_eyes", "on_timeout") if name in given}
        subject = ("step", ids.new())
        labels = {"playbook": "p", "step": "isolate", "action": "edr.isolate", "execution": str(ids.new())}
        return requests.ask(
            tenant_id=self.tenant.pk, environment=factories.environment(self.tenant), subject=subject, stream=f"execution:{subject[1]}",
            title="Isolate ws-7", document=DOCUMENT, labels=labels, policy=Policy(roles=roles or ("analyst",), quorum=quorum, **policy),
            expires_at=NOW + TTL, actor=ENGINE, now=NOW, **given,
        )  # fmt: skip


def world(slug: str) -> World:
    """A tenant with three analysts, a lead, a viewer and a service account that is an analyst."""
    tenant = factories.tenant(slug)
    roles = {"ann": Role.ANALYST, "bob": Role.ANALYST, "cyd": Role.ANALYST, "lea": Role.LEAD, "vic": Role.VIEWER}
    people = {name: factories.user(role, tenant, username=f"{slug}-{name}") for name, role in roles.items()}
    people["bot"] = factories.user(Role.ANALYST, tenant, username=f"{slug}-bot", is_service=True)
    return World(tenant, people)


def decide(request: Request, user: User, verdict: str = "approve", **changes: Any) -> Request:
    """Let somebody decide what they were shown."""
    given = {"digest": request.digest, "reason": "Because.", "actor": user.actor(), "now": NOW, **changes}
    return decisions.decide(request_id=request.pk, verdict=verdict, **given)  # type: ignore[arg-type]


def kinds(request: Request) -> list[str]:
    """The kinds of a request's entries, in order."""
    rows = Entry.objects.filter(stream=request.stream, subject_id=str(request.pk))
    return list(rows.order_by("seq").values_list("kind", flat=True))


def votes(request: Request) -> list[tuple[str, str]]:
    """Who decided what."""
    return sorted(Decision.objects.filter(request=request).values_list("username", "verdict"))
