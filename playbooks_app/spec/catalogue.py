"""What the checker is told about actions. Whoever calls it knows the adapters; this package knows none."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

Effect = Literal["read", "reversible", "irreversible"]


@dataclasses.dataclass(frozen=True, slots=True)
class ActionInfo:
    """An action: its effect, the JSON Schema of its parameters, whether it only notifies, and its undo."""

    name: str
    effect: Effect = "irreversible"
    params_schema: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    notification: bool = False
    undo: str | None = None

    @property
    def is_write(self) -> bool:
        """Whether it changes anything; what is undeclared counts as an irreversible write."""
        return self.effect != "read"


Catalogue = Mapping[str, ActionInfo]
