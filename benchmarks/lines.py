"""What a benchmark prints: one JSON line, with what it was measured against, its target and the load of the machine."""

import dataclasses
import json
import operator
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_RELATIONS: Mapping[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}


@dataclasses.dataclass(frozen=True, slots=True)
class Target:
    """What is to be reached: `what` ("ours" or "ratio") in `relation` to the `first` value, later to `then`."""

    what: str
    relation: str
    first: float
    then: float | None = None

    def __str__(self) -> str:
        later = "" if self.then is None else f", then {self.then:g}"
        return f"{self.what} {self.relation} {self.first:g}{later}"

    def reached(self, ours: float, ratio: float | None) -> bool | None:
        """Return whether it is met; None where there was no peer to compare with."""
        value = ours if self.what == "ours" else ratio
        return None if value is None else _RELATIONS[self.relation](value, self.first)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One benchmark's outcome over some rounds. `faster` says which way is better: figures are rates or times."""

    bench: str
    what: str
    unit: str
    target: Target
    ours: Sequence[float]
    peer: Sequence[float | None] = ()
    peer_name: str = ""
    rates: bool = True
    also: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    holds: bool = True

    def show(self) -> None:
        """Print it. The ratio is the median of the rounds' ratios, above 1 where ours is the better one."""
        ratios = [self._ratio(one, other) for one, other in zip(self.ours, self.peer, strict=False) if other is not None]
        ratio = round(statistics.median(ratios), 3) if ratios else None
        ours = round(statistics.median(self.ours), 3)
        others = [other for other in self.peer if other is not None]
        reached = self.target.reached(ours, ratio)
        shown = {
            "bench": self.bench,
            "what": self.what,
            "ours": ours,
            "peer": round(statistics.median(others), 3) if others else None,
            "ratio": ratio,
            "target": str(self.target),
            "met": None if reached is None else reached and self.holds,
            "unit": self.unit,
            "peer_name": self.peer_name or None,
            "rounds": len(self.ours),
            "each": [round(value, 3) for value in self.ours],
            "ratios": [round(value, 3) for value in ratios],
            **self.also,
            "load1": round(os.getloadavg()[0], 2),
        }
        sys.stdout.write(json.dumps(shown) + "\n")
        sys.stdout.flush()

    def _ratio(self, one: float, other: float) -> float:
        return one / other if self.rates else other / one


def say(sentence: str) -> None:
    """Tell whoever looks on; the lines stay on standard output alone."""
    sys.stderr.write(sentence + "\n")
    sys.stderr.flush()


def p95(values: Sequence[float]) -> float:
    """Return the value that 95 in 100 do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]
