"""`runbookpilot evidence`"""

from pathlib import Path

import click

from accounts.choices import Permission
from accounts.selectors import access
from compliance.models import EvidenceBundle
from compliance.services import bundles
from compliance.services import verify as verifying
from core import clock
from runbookpilot.cli import output, session


@click.group()
def evidence() -> None:
    """Evidence bundles."""


@evidence.command("list")
@output.as_json
def list_bundles(as_json: bool) -> None:
    """List the bundles."""
    rows = EvidenceBundle.objects.order_by("-id").values("id", "status", "title", "sealed_at")[:100]
    output.show(list(rows), as_json=as_json, empty="No bundle yet.")


@evidence.command("export")
@click.argument("bundle_id", type=click.UUID)
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@output.as_json
def export(bundle_id: str, target: Path, as_json: bool) -> None:
    """Write the pack of BUNDLE_ID to TARGET."""
    person = session.person()
    with output.told():
        row = _bundle(bundle_id)
        access.require(person, Permission.VIEW_EVIDENCE, row.tenant_id)
        pack = bundles.export(bundle_id=row.pk, actor=person.actor(), now=clock.now())
        with target.open("wb") as file:
            file.writelines(pack.chunks)
    output.say({"file": str(target), "size": pack.size}, f"{target}: {pack.size} bytes.", as_json=as_json)


@evidence.command("verify")
@click.argument("bundle_id", type=click.UUID)
@output.as_json
def verify(bundle_id: str, as_json: bool) -> None:
    """Verify BUNDLE_ID in place. Exit code 1 where it is not VERIFIED."""
    with output.told():
        found = verifying.verify(bundle=_bundle(bundle_id), actor=session.actor(), now=clock.now())
    body = {"verdict": found.verdict, "findings": found.findings, "checked": found.checked}
    output.say(body, f"{found.verdict}: {len(found.findings)} findings.", as_json=as_json)
    raise SystemExit(0 if found.verdict == "VERIFIED" else 1)


def _bundle(bundle_id: object) -> EvidenceBundle:
    row = EvidenceBundle.objects.filter(pk=str(bundle_id)).first()
    if row is None:
        raise click.ClickException(f"There is no bundle {bundle_id}.")
    return row


def command(_name: str) -> click.Command:
    return evidence
