"""How much a write would matter: a risk from 1 to 10 that explains itself term by term, and one sentence.

The weights are data. Points add up and are capped to the range.
"""

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from adapters.choices import Effect
from adapters.contract import Action
from core.plurals import counted
from entities.choices import NodeKind
from entities.selectors import graph

WEIGHTS: Mapping[str, Mapping[str, float]] = {
    "action": {"edr": 2.5, "firewall": 2.0, "identity": 3.0, "http": 2.5, "ticket": 0.5, "notify": 0.5},
    "criticality": {"low": 0.0, "medium": 1.0, "high": 2.5, "crown-jewel": 4.5},
    "environment": {"production": 1.0, "staging": 0.5, "lab": 0.0},
    "reversibility": {"reversible": 0.0, "irreversible": 2.0},
    "blast_radius": {"each": 0.3, "most": 2.0},
    "confidence": {"unknown": 0.5, "low": 1.0, "high": -0.5},
}
_KINDS = {"edr": NodeKind.HOST, "firewall": NodeKind.ADDRESS, "identity": NodeKind.USER}


@dataclasses.dataclass(frozen=True, slots=True)
class Impact:
    """What would follow: `terms` are `{"term", "points", "why"}`, `blast_radius` names hosts, users and services."""

    summary: str
    risk: int
    terms: list[dict[str, Any]]
    targets: list[str]
    blast_radius: dict[str, list[str]]

    def to_dict(self) -> dict[str, Any]:
        """The form that documents keep."""
        return dataclasses.asdict(self)


def assess(
    *,
    tenant_id: uuid.UUID,
    environment_kind: str,
    action: Action,
    params: Mapping[str, Any],
    confidence: float | None,
    adapter: str,
    live: bool,
) -> Impact:
    """Return the impact of a write on what the graph knows of its target."""
    capability, target = action.name.split(".")[0], action.target_of(params)
    kind = _KINDS.get(capability)
    reach = graph.blast_radius(tenant_id=tenant_id, kind=kind, key=target) if kind and target else {}
    asset = graph.asset(tenant_id=tenant_id, host=target) if kind is NodeKind.HOST and target else None
    criticality = str((asset or {}).get("criticality", "medium"))
    terms = [
        _term("action", WEIGHTS["action"].get(capability, 2.0), f"{action.name} changes a running system"),
        _term("reversibility", WEIGHTS["reversibility"].get(action.effect, 2.0), _reversibility(action)),
        _term("environment", WEIGHTS["environment"].get(environment_kind, 1.0), f"it runs in {environment_kind}"),
        _confidence(confidence),
    ]
    if kind is NodeKind.HOST:
        known = f"{target} is {criticality}" if asset else f"{target} is not in the inventory"
        terms.append(_term("criticality", WEIGHTS["criticality"].get(criticality, 1.0), known))
    count = sum(map(len, reach.values()))
    if count:
        points = min(count * WEIGHTS["blast_radius"]["each"], WEIGHTS["blast_radius"]["most"])
        terms.append(_term("blast radius", points, f"{counted(count, 'host, user or service stands', 'hosts, users or services stand')} with it"))
    risk = max(1, min(10, round(1 + sum(float(term["points"]) for term in terms))))
    return Impact(_sentence(action, target, adapter, live, asset, reach), risk, terms, [target] if target else [], reach)


def _term(name: str, points: float, why: str) -> dict[str, Any]:
    return {"term": name, "points": round(points, 1), "why": why}


def _reversibility(action: Action) -> str:
    return (
        f"{action.undo} takes it back"
        if action.effect is Effect.REVERSIBLE and action.undo
        else "nothing takes it back by itself"
    )


def _confidence(value: float | None) -> dict[str, Any]:
    if value is None:
        return _term("confidence", WEIGHTS["confidence"]["unknown"], "the detection came without a confidence")
    word = "high" if value >= 0.7 else "low" if value < 0.4 else ""
    return _term("confidence", WEIGHTS["confidence"].get(word, 0.0), f"the detection is {round(value * 100)} % sure")


def _sentence(
    action: Action, target: str, adapter: str, live: bool, asset: Mapping[str, Any] | None, reach: Mapping[str, list[str]]
) -> str:
    what = f"{action.verb or action.name} {target}".strip()
    through = f"through {adapter}" + ("" if live else " (mock)")
    who = (
        f" {target} is {asset['criticality']}" + (f", owned by {asset['owner']}." if asset.get("owner") else ".") if asset else ""
    )
    services = reach.get("services") or []
    affected = f" Affects {', '.join(services[:3])}." if services else ""
    return f"{what} {through}.{who}{affected}"
