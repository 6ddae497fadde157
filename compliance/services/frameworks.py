"""Importing catalogues as frameworks."""

import datetime as dt
from pathlib import Path

from django.db import transaction
from simple_history.utils import bulk_create_with_history

from accounts.models import Tenant
from audit import journal
from audit.choices import Kind
from compliance.models import Control, Framework
from compliance.services import history
from compliance.spec import catalogues
from compliance.spec.catalogues import Catalogue
from core import canonical
from core.actors import Actor
from core.errors import Conflict, Invalid

_STARTER = Path(__file__).resolve().parent.parent / "management" / "catalogs" / "nist-800-53-starter.json"


class UnreadableCatalogue(Invalid):
    """The catalogue cannot be read."""

    code = "unreadable_catalogue"


class VersionTaken(Conflict):
    """This version of the framework is already there with other content."""

    code = "version_taken"


def starter_catalog() -> bytes:
    """Return the OSCAL catalogue that ships with the product: incident response and its neighbours from NIST SP 800-53."""
    return _STARTER.read_bytes()


def import_oscal(*, tenant: Tenant, content: bytes, slug: str, actor: Actor, now: dt.datetime) -> Framework:
    """Import an OSCAL catalogue JSON and return its framework; the same content again returns the one that is there.

    Raises UnreadableCatalogue with the place of what is wrong, and VersionTaken.
    """
    try:
        catalogue = catalogues.read_oscal(content)
    except catalogues.Unreadable as error:
        raise UnreadableCatalogue(str(error), hint="Nothing was imported.") from error
    return _store(tenant, catalogue, canonical.sha256(content), slug, actor, now)


def import_csv(
    *, tenant: Tenant, content: bytes, slug: str, name: str, actor: Actor, now: dt.datetime, version: str = ""
) -> Framework:
    """Import a CSV of controls and return its framework; the same content again returns the one that is there.

    Raises UnreadableCatalogue with the line of what is wrong, and VersionTaken.
    """
    try:
        catalogue = catalogues.read_csv(content, title=name, version=version)
    except catalogues.Unreadable as error:
        raise UnreadableCatalogue(str(error), hint="Nothing was imported.") from error
    return _store(tenant, catalogue, canonical.sha256(content), slug, actor, now)


def _store(tenant: Tenant, catalogue: Catalogue, sha256: str, slug: str, actor: Actor, now: dt.datetime) -> Framework:
    with transaction.atomic():
        known: Framework | None = Framework.objects.filter(tenant=tenant, slug=slug, version=catalogue.version).first()
        if known and known.source_sha256 == sha256:
            return known
        if known:
            raise VersionTaken(hint="Give the new content a version of its own.")
        framework: Framework = Framework.objects.create(
            tenant=tenant, slug=slug, name=catalogue.title, version=catalogue.version, source_sha256=sha256, created_at=now
        )
        controls = [
            Control(
                tenant=tenant, framework=framework, identifier=text.identifier, label=text.label, title=text.title[:500],
                family=text.family[:200], text=text.text, position=position, freshness_days=text.freshness_days,
                applicable=not text.withdrawn, applicability_reason="Withdrawn by its publisher." if text.withdrawn else "",
                created_at=now,
            )
            for position, text in enumerate(catalogue.controls)
        ]
        bulk_create_with_history(controls, Control, batch_size=500, default_user=history.person(actor), default_date=now)
        journal.append(
            stream=f"tenant:{tenant.pk}", kind=Kind.FRAMEWORK_IMPORTED, actor=actor, now=now, subject=("framework", framework.pk),
            tenant_id=tenant.pk, data={"slug": slug, "version": framework.version, "sha256": sha256, "controls": len(controls)},
        )
    return framework
