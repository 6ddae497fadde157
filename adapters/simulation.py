"""Dry runs: what a write would do, found out without sending one, which the write guard proves."""

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

import structlog

from adapters import breakers, calls, errors, guard, impact, instances, limits
from adapters.contract import Adapter, CallContext, SimulationResult
from adapters.models import AdapterInstance
from core import clock
from core.actors import system

log = structlog.get_logger(__name__)
#: A look that ends so says nothing about the write. Any other error is the vendor's word on the target or the credentials.
BLIND = (errors.Unavailable, errors.CallTimeout, errors.VendorError, errors.RateLimited)


@dataclasses.dataclass(frozen=True, slots=True)
class Simulation:
    """A dry run with its assessed impact and the confidence of the detection behind it, unknown where nobody could look."""

    result: SimulationResult
    impact: impact.Impact
    confidence: float | None

    def to_dict(self) -> dict[str, Any]:
        """The form that steps and approval documents keep."""
        return {
            "action": self.result.action,
            "would_execute": self.result.would_execute,
            "findings": list(self.result.findings),
            "before": self.result.before,
            "after": self.result.after,
            "output": dict(self.result.output),
            "impact": self.impact.to_dict(),
            "confidence": self.confidence,
            "risk": self.impact.risk,
        }


def simulate(
    *,
    instance: AdapterInstance,
    action: str,
    params: Mapping[str, Any],
    environment_kind: str,
    confidence: float | None,
    tenant_id: uuid.UUID,
    timeout: float = 30.0,
) -> Simulation:
    """Return what `action` would do, without a "before" where the vendor does not answer the look.

    Raises an AdapterError; an attempt to write raises SimulationViolation.
    """
    adapter = instances.load(instance, actor=system("engine"), now=clock.now())
    context = CallContext(instance_id=instance.pk, tenant_id=tenant_id, timeout=timeout, turn=limits.of(instance))
    checked = adapter.validate(action, params)
    with guard.simulation():
        try:
            result = adapter.simulate(action, checked, context) if adapter.local else _looked(instance, adapter, action, checked, context)
        except BLIND as error:
            log.warning("simulation_blind", action=action, code=error.code)
            result, confidence = adapter.foresee(action, checked, error), None
    assessed = impact.assess(
        tenant_id=tenant_id, environment_kind=environment_kind, action=calls.action_of(instance, action), params=checked,
        confidence=confidence, adapter=instance.name, live=adapter.live,
    )  # fmt: skip
    return Simulation(result, assessed, confidence)


def _looked(
    instance: AdapterInstance, adapter: Adapter, action: str, params: Mapping[str, Any], context: CallContext
) -> SimulationResult:
    return breakers.guarded(instance, lambda: adapter.simulate(action, params, context))
