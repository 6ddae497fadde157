"""Playbooks and their versions: imported, reviewed, activated by a second person, retired."""

import datetime as dt
import difflib
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.models import Tenant
from adapters import registry
from audit import journal
from audit.choices import Kind
from core.actors import Actor
from core.errors import Conflict, Forbidden, Invalid
from core.paths import LIBRARY
from core.plurals import counted
from playbooks_app.choices import VersionStatus
from playbooks_app.models import Playbook, PlaybookVersion, TechniqueMapping
from playbooks_app.spec import loader
from playbooks_app.spec.catalogue import ActionInfo


class InvalidPlaybook(Invalid):
    """The playbook is not valid."""

    code = "invalid_playbook"


class NumberTaken(Conflict):
    """There is another content under this version number: give it a new number."""

    code = "number_taken"


class WrongStatus(Conflict):
    """The version is not in the status that this needs."""

    code = "wrong_status"


class NeedsSecondPerson(Forbidden):
    """Whoever imported or submitted a version does not activate it."""

    code = "needs_second_person"


@functools.cache
def catalogue() -> Mapping[str, ActionInfo]:
    """Return the actions that playbooks are checked against."""
    return {
        name: ActionInfo(name, info.effect.value, info.params_schema, info.notification, info.undo or None)
        for name, info in registry.actions().items()
    }


def import_version(
    *, tenant: Tenant, source: str | bytes, actor: Actor, now: dt.datetime, origin: str = "import"
) -> PlaybookVersion:
    """Return the version in `source`, a draft where it is new; importing the same again changes nothing.

    Raises InvalidPlaybook with every problem, NumberTaken where the number holds another content.
    """
    loaded = loader.load(source, catalogue=catalogue())
    if loaded.playbook is None:
        problems = [problem.to_dict() for problem in loaded.errors]
        raise InvalidPlaybook(
            f"The playbook has {counted(len(problems), 'problem')}: {loaded.errors[0].render()}", fields={"problems": problems}
        )
    meta = loaded.playbook.metadata
    with transaction.atomic():
        playbook, _ = Playbook.objects.get_or_create(
            tenant=tenant, slug=meta.id, defaults={"name": meta.name, "description": meta.description, "created_at": now}
        )
        known = playbook.versions.filter(number=str(meta.version)).first()
        if known is not None:
            if known.digest != loaded.digest:
                raise NumberTaken(f"{meta.id} {meta.version} has another content already: give this one a new number.")
            return known
        version = PlaybookVersion.objects.create(
            tenant=tenant, playbook=playbook, number=str(meta.version), source=loaded.source, document=loaded.document,
            digest=loaded.digest, level=loaded.playbook.level.value, techniques=list(meta.attack), d3fend=list(meta.d3fend),
            tags=list(meta.tags), author=meta.author, imported_by_id=actor.user_id, origin=origin, created_at=now,
        )  # fmt: skip
        _journal(version, Kind.PLAYBOOK_IMPORTED, actor, now, origin=origin)
    return version


def submit(*, version: PlaybookVersion, actor: Actor, now: dt.datetime) -> PlaybookVersion:
    """Put a draft up for review; raises WrongStatus."""
    with transaction.atomic():
        row = _in_status(version, VersionStatus.DRAFT)
        row.status, row.submitted_by_id = VersionStatus.IN_REVIEW, actor.user_id
        row.save(update_fields=["status", "submitted_by"])
        _journal(row, Kind.PLAYBOOK_SUBMITTED, actor, now)
    return row


def activate(*, version: PlaybookVersion, actor: Actor, now: dt.datetime) -> PlaybookVersion:
    """Make a reviewed version the active one, in place of the one before; raises WrongStatus, NeedsSecondPerson."""
    with transaction.atomic():
        row = _in_status(version, VersionStatus.IN_REVIEW)
        if not actor.is_person:
            raise NeedsSecondPerson("A person activates a version.")
        if actor.user_id in (row.imported_by_id, row.submitted_by_id):
            raise NeedsSecondPerson
        for before in row.playbook.versions.filter(status=VersionStatus.ACTIVE):
            before.status = VersionStatus.RETIRED
            before.save(update_fields=["status"])
            _journal(before, Kind.PLAYBOOK_RETIRED, actor, now, replaced_by=row.number)
        row.status, row.activated_by_id, row.activated_at = VersionStatus.ACTIVE, actor.user_id, now
        row.save(update_fields=["status", "activated_by", "activated_at"])
        playbook = row.playbook
        meta = loader.parse_canonical(row.document, digest=row.digest).metadata
        playbook.active_version, playbook.name, playbook.description = row, meta.name, meta.description
        playbook.save(update_fields=["active_version", "name", "description"])
        _journal(row, Kind.PLAYBOOK_ACTIVATED, actor, now)
    return row


def retire(*, version: PlaybookVersion, actor: Actor, now: dt.datetime) -> PlaybookVersion:
    """Take a version out of use; executions that are pinned to it go on."""
    with transaction.atomic():
        row = _in_status(version, VersionStatus.ACTIVE)
        row.status = VersionStatus.RETIRED
        row.save(update_fields=["status"])
        Playbook.objects.filter(pk=row.playbook_id, active_version=row).update(active_version=None)
        _journal(row, Kind.PLAYBOOK_RETIRED, actor, now)
    return row


def load_library(*, tenant: Tenant, actor: Actor, now: dt.datetime, folder: Path = LIBRARY) -> list[PlaybookVersion]:
    """Import every playbook of a folder; what is new arrives for review, and techniques are mapped to it."""
    versions = []
    for path in sorted(folder.glob("*.yaml")):
        version = import_version(tenant=tenant, source=path.read_bytes(), actor=actor, now=now, origin="library")
        if version.status == VersionStatus.DRAFT:
            version = submit(version=version, actor=actor, now=now)
        for technique in version.techniques:
            map_technique(tenant=tenant, technique=technique, playbook=version.playbook, actor=actor, now=now)
        versions.append(version)
    return versions


def map_technique(*, tenant: Tenant, technique: str, playbook: Playbook, actor: Actor, now: dt.datetime) -> TechniqueMapping:
    """Let a playbook answer a technique; without a technique it is the tenant's default."""
    with transaction.atomic():
        row, created = TechniqueMapping.objects.get_or_create(
            tenant=tenant, technique=technique, playbook=playbook, defaults={"created_at": now}
        )
        if created:
            journal.append(
                stream=f"playbook:{playbook.pk}", kind=Kind.TECHNIQUE_MAPPED, actor=actor, now=now, subject=("playbook", playbook.pk),
                tenant_id=tenant.pk, data={"technique": technique},
            )  # fmt: skip
    return row


def diff(*, version_a: PlaybookVersion, version_b: PlaybookVersion) -> list[dict[str, Any]]:
    """Return two versions side by side, a row a line: `kind` (same, changed, added, removed), `left`, `right`."""
    left, right = version_a.source.splitlines(), version_b.source.splitlines()
    rows: list[dict[str, Any]] = []
    for kind, a0, a1, b0, b1 in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        word = {"equal": "same", "replace": "changed", "insert": "added", "delete": "removed"}[kind]
        for index in range(max(a1 - a0, b1 - b0)):
            one = left[a0 + index] if a0 + index < a1 else None
            other = right[b0 + index] if b0 + index < b1 else None
            rows.append({"kind": word, "left": one, "right": other})
    return rows


def _in_status(version: PlaybookVersion, status: VersionStatus) -> PlaybookVersion:
    row: PlaybookVersion = PlaybookVersion.objects.select_for_update(of=("self",)).select_related("playbook").get(pk=version.pk)
    if row.status != status:
        raise WrongStatus(f"{row} is {row.get_status_display().lower()}, and this needs {status.replace('_', ' ')}.")
    return row


def _journal(version: PlaybookVersion, kind: Kind, actor: Actor, now: dt.datetime, **data: Any) -> None:
    journal.append(
        stream=f"playbook:{version.playbook_id}", kind=kind, actor=actor, now=now, subject=("version", version.pk),
        tenant_id=version.tenant_id, refs=[("playbook", version.playbook_id)],
        data={"playbook": version.playbook.slug, "version": version.number, "sha256": version.digest, **data},
    )  # fmt: skip
