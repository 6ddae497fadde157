"""Who does something: a person, a service account, or a part of the system that acts by itself."""

import dataclasses
import uuid
from typing import Literal

ActorKind = Literal["user", "service", "system"]


@dataclasses.dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `user_id` is None for the system, which is bound by policy and not by roles."""

    kind: ActorKind
    id: str
    name: str
    user_id: uuid.UUID | None = None
    is_superuser: bool = False
    token_scopes: tuple[str, ...] = ()

    @property
    def is_person(self) -> bool:
        """Whether a person acts, in the console or by a token of theirs."""
        return self.kind == "user"

    @property
    def is_system(self) -> bool:
        """Whether a part of the program acts by itself."""
        return self.kind == "system"

    def to_dict(self) -> dict[str, str]:
        """The form that the journal keeps."""
        return {"kind": self.kind, "id": self.id, "name": self.name}


def system(name: str) -> Actor:
    """Return the actor for a part of the system, such as `trigger`, `engine` or `clock`."""
    return Actor(kind="system", id=f"system:{name}", name=name)
