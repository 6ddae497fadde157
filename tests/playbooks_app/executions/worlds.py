"""A tenant with a mock adapter, and executions in it."""

import dataclasses
from typing import Any

import pytest
from django.db import connection

from accounts.choices import Role
from accounts.models import Environment, Tenant, User
from adapters import instances
from adapters.models import AdapterInstance, MockCall, MockScript
from approvals.choices import Verdict
from approvals.models import Request
from approvals.services import decisions
from core import clock, uptime
from incidents.models import Alert
from playbooks_app.models import Execution, Playbook, PlaybookVersion, StepRun
from playbooks_app.services import executions, runner
from playbooks_app.services.drive import Drive
from playbooks_app.spec import loader
from tests import factories
from tests.playbooks_app.executions.laboratory import Died

READ = {"id": "look", "action": "edr.get_isolation_status", "with": {"host": "h1"}}
BACK = {"action": "edr.unisolate_host", "with": {"host": "h1"}}
LONGEST = 35.0
WRITE = {"id": "isolate", "action": "edr.isolate_host", "with": {"host": "h1"}, "rollback": BACK}


@dataclasses.dataclass(frozen=True)
class World:
    tenant: Tenant
    environment: Environment
    analyst: User
    edr: AdapterInstance

    def begin(
        self, *steps: dict[str, Any], level: str = "L1", drill: bool = False, alert: Alert | None = None, **more: Any
    ) -> Execution:
        """Start a playbook of these steps; nobody drives it yet."""
        document = {
            "apiVersion": "runbookpilot/v1",
            "metadata": {"id": "p", "name": "P", "version": "1.0.0"},
            "level": level,
            "steps": list(steps),
            **more,
        }
        playbook = Playbook.objects.create(tenant=self.tenant, slug="p", name="P")
        version = PlaybookVersion.objects.create(
            tenant=self.tenant, playbook=playbook, number="1.0.0", source="", document=document,
            digest=loader.digest_of(document), level=level, status="active",
        )  # fmt: skip
        return executions.start(
            tenant=self.tenant, environment=self.environment, version=version, drill=drill, alert=alert,
            actor=factories.SETUP, now=clock.now(),
        )  # fmt: skip

    def publish(self, *steps: dict[str, Any], slug: str = "child", level: str = "L1", **more: Any) -> Playbook:
        """Return an active playbook of these steps, for others to run."""
        document = {
            "apiVersion": "runbookpilot/v1", "metadata": {"id": slug, "name": slug, "version": "1.0.0"}, "level": level,
            "steps": list(steps), **more,
        }  # fmt: skip
        playbook = Playbook.objects.create(tenant=self.tenant, slug=slug, name=slug)
        playbook.active_version = PlaybookVersion.objects.create(
            tenant=self.tenant, playbook=playbook, number="1.0.0", source="", document=document,
            digest=loader.digest_of(document), level=level, status="active",
        )  # fmt: skip
        playbook.save()
        return playbook

    def decide(self, verdict: Verdict = Verdict.APPROVE) -> Request:
        """Decide the one pending request."""
        request = Request.objects.get(status="pending")
        return decisions.decide(
            request_id=request.pk,
            verdict=verdict,
            digest=request.digest,
            reason="seen",
            actor=self.analyst.actor(),
            now=clock.now(),
        )

    def script(self, action: str, error: str, remaining: int | None = None) -> None:
        MockScript.objects.create(instance=self.edr, action=action, error=error, remaining=remaining)


def world() -> World:
    tenant = factories.tenant(max_level="L2", l2_enabled=True)
    environment = factories.environment(tenant)
    edr = instances.create(environment=environment, adapter="mock-edr", name="edr", actor=factories.SETUP, now=factories.NOW)
    return World(tenant, environment, factories.user(Role.ANALYST, tenant), edr)


def driven(execution: Execution) -> Execution:
    runner.advance(execution.pk)
    execution.refresh_from_db()
    return execution


def advanced(execution_id: Any) -> None:
    """Drive on a thread that is not the test's, and give its connection back."""
    try:
        runner.advance(execution_id)
    finally:
        connection.close()


def settle(*executions: Execution) -> None:
    """Drive these in turn until they have told each other all there is."""
    for _ in range(6):
        for execution in executions:
            driven(execution)


def step(execution: Execution, step_id: str) -> StepRun:
    return execution.steps.get(step_id=step_id)


def writes() -> list[str]:
    """What the vendor was really told to do, in order."""
    return list(MockCall.objects.order_by("id").values_list("action", flat=True))


def looked_again(execution: Execution, monkeypatch: pytest.MonkeyPatch) -> Execution:
    """Drive once more when a write that was not found may not be under way any more."""
    real = uptime.seconds
    monkeypatch.setattr(uptime, "seconds", lambda: real() + LONGEST)
    execution.steps.filter(retry_at__isnull=False).update(retry_at=clock.now())
    return driven(execution)


def later(execution: Execution) -> None:
    """End the lease of a worker that died, as the sweep does with one that is renewed no more."""
    Execution.objects.filter(pk=execution.pk).update(lease_until=None)


def dying(machine, name):
    """A driver's method that may be the last thing that its worker does."""
    real = getattr(Drive, name)

    def method(self, *args):
        moment = machine().dying
        if not moment or moment[0] != name:
            return real(self, *args)
        moment[1] -= 1
        if moment[1]:
            return real(self, *args)
        if moment[2]:
            real(self, *args)
        raise Died

    return method
