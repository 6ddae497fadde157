"""Finding frameworks, and what changed between two versions of one."""

import dataclasses
import uuid

from compliance.models import Control, Framework


@dataclasses.dataclass(frozen=True, slots=True)
class Differences:
    """The identifiers of the controls that a later version added, removed, or worded differently."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]


def named(tenant_id: uuid.UUID, name: str) -> Framework | None:
    """Return a tenant's framework by its id, or the version imported last of the one with this slug."""
    rows = Framework.objects.filter(tenant_id=tenant_id).order_by("-id")
    return next((row for row in rows if name in (row.slug, str(row.pk))), None)


def differences(old: Framework, new: Framework) -> Differences:
    """Return what changed from `old` to `new`."""
    before, after = _texts(old), _texts(new)
    common = [identifier for identifier in after if identifier in before]
    return Differences(
        tuple(identifier for identifier in after if identifier not in before),
        tuple(identifier for identifier in before if identifier not in after),
        tuple(identifier for identifier in common if before[identifier] != after[identifier]),
    )


def _texts(framework: Framework) -> dict[str, tuple[str, str]]:
    rows = Control.objects.filter(framework=framework).order_by("position")
    return {identifier: (title, text) for identifier, title, text in rows.values_list("identifier", "title", "text")}
