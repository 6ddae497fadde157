"""The level that applies: the least of deployment, tenant, playbook, step and request, with the term that capped it."""

import dataclasses

from playbooks_app.spec.schema import Level

ORDER = (Level.L0, Level.L1, Level.L2)


class L2NotEnabled(Exception):
    """L2 is not enabled, and an L2 playbook or request is never turned into real writes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Effective:
    """A level, and in words what capped it."""

    level: Level
    cap: str


def effective(*, deployment: Level, tenant: Level, playbook: Level, request: Level | None, l2_enabled: bool) -> Effective:
    """Return the level of an execution; raises L2NotEnabled where L2 is wanted and not enabled."""
    wanted = least(playbook, request or playbook)
    if request is not None and ORDER.index(request) > ORDER.index(playbook):
        wanted = playbook
    allowed = least(deployment, tenant)
    if Level.L2 in (request, playbook if request is None else None) and not (l2_enabled and allowed is Level.L2):
        raise L2NotEnabled(L2NotEnabled.__doc__)
    terms = [("the deployment", deployment), ("the tenant", tenant), ("the playbook", playbook)]
    if request is not None:
        terms.append(("the request", request))
    level = least(wanted, allowed)
    cap = next(name for name, value in terms if value is level)
    return Effective(level, f"capped by {cap}")


def of_step(execution: Level, step: Level) -> Level:
    """Return the level of one step of an execution."""
    return least(execution, step)


def least(one: Level, other: Level) -> Level:
    """Return the lower of two levels."""
    return min(one, other, key=ORDER.index)
