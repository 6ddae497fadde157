"""A tenant as an operator would set it up, through the services: people, playbooks of ten reads, their executions."""

import dataclasses
import json
import secrets
import uuid
from typing import Any

from accounts.choices import Role
from accounts.models import Environment, Tenant, User
from accounts.services import memberships, tenants, tokens, users
from core import clock
from core.actors import system
from playbooks_app.models import PlaybookVersion
from playbooks_app.services import executions, playbooks, runner

SETUP = system("setup")
STEPS = 10


@dataclasses.dataclass(frozen=True, slots=True)
class World:
    """A tenant, its environment and two people of it."""

    tenant: Tenant
    environment: Environment
    author: User
    reviewer: User

    def playbook(self, slug: str, action: str, **more: Any) -> PlaybookVersion:
        """Return an active playbook of ten reads in a row, each of which gets what the one before has answered."""
        steps = [{"id": f"s{number}", "action": action, "with": _given(number)} for number in range(STEPS)]
        return self.activated({"level": "L1", "steps": steps, **more}, slug)

    def activated(self, document: dict[str, Any], slug: str) -> PlaybookVersion:
        """Return the active version of a playbook: imported by one person, activated by another."""
        head = {"apiVersion": "runbookpilot/v1", "metadata": {"id": slug, "name": slug, "version": "1.0.0"}}
        now = clock.now()
        drafted = playbooks.import_version(tenant=self.tenant, source=json.dumps({**head, **document}), actor=self.author.actor(), now=now)
        submitted = playbooks.submit(version=drafted, actor=self.author.actor(), now=now)
        return playbooks.activate(version=submitted, actor=self.reviewer.actor(), now=now)

    def start(self, version: PlaybookVersion) -> uuid.UUID:
        """Start an execution, which whoever works for this process will drive."""
        row = executions.start(
            tenant=self.tenant, environment=self.environment, version=version, actor=self.author.actor(), now=clock.now()
        )
        return row.pk

    def run(self, version: PlaybookVersion) -> None:
        """Start an execution and drive it here to its end."""
        runner.advance(self.start(version))

    def person(self, role: Role) -> tuple[User, str]:
        """Return a new member of the tenant, and a token."""
        row = user(role, self.tenant)
        return row, tokens.create(user=row, name="benchmark", actor=SETUP, now=clock.now(), scopes=())[1]


def make() -> World:
    """Return a tenant of its own."""
    slug = f"bench-{uuid.uuid4().hex[:8]}"
    tenant = tenants.create(slug=slug, name=slug, actor=SETUP, now=clock.now())
    environment = Environment.objects.get(tenant=tenant, is_default=True)
    return World(tenant, environment, user(Role.LEAD, tenant), user(Role.LEAD, tenant))


def user(role: Role, tenant: Tenant) -> User:
    """Return a new member of the tenant."""
    now = clock.now()
    row = users.create(
        username=f"bench-{uuid.uuid4().hex[:12]}", password=secrets.token_urlsafe(), check_password=False, actor=SETUP, now=now
    )
    memberships.grant(user=row, tenant=tenant, role=role, actor=SETUP, now=now)
    return row


def _given(number: int) -> dict[str, Any]:
    before = {"before": f"{{{{ steps.s{number - 1}.output.value }}}}"} if number else {}
    return {"i": number, **before}
