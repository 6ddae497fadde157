"""`runbookpilot evidence`"""

import base64
from pathlib import Path
from typing import Any

import click

from accounts.choices import Permission
from accounts.models import User
from accounts.selectors import access
from compliance.models import EvidenceBundle
from compliance.services import bundles
from compliance.services import evidence as capturing
from compliance.services import verify as verifying
from compliance.spec import verify_pack
from core import clock, signing
from core.plurals import counted
from playbooks_app.models import Execution
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
        size = _write(row, target, person)
    output.say({"file": str(target), "size": size}, f"{target}: {counted(size, 'byte')}.", as_json=as_json)


@evidence.command("pack")
@click.argument("execution_id")
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@output.as_json
def pack(execution_id: str, target: Path, as_json: bool) -> None:
    """Capture and seal the bundle of EXECUTION_ID, and write its pack to TARGET."""
    person = session.person()
    row = session.one(Execution.objects.visible_to(person), execution_id, "execution that you may see")
    with output.told():
        access.require(person, Permission.VIEW_EVIDENCE, row.tenant_id)
        bundle = capturing.capture(execution_id=row.pk, actor=person.actor(), now=clock.now())
        if bundle is None:
            raise click.ClickException(f"Nothing is kept of this execution: it is {row.status.replace('_', ' ')}.")
        if bundle.sealed_at is None:
            bundles.seal(bundle_id=bundle.pk, actor=person.actor(), now=clock.now())
        size = _write(bundle, target, person)
    said = {"bundle": bundle.pk, "file": str(target), "size": size}
    output.say(said, f"{target}: {counted(size, 'byte')}. Verify it with: runbookpilot evidence verify {target}", as_json=as_json)


@evidence.command("verify")
@click.argument("what", metavar="BUNDLE_ID|FILE")
@click.option("--key", multiple=True, help="For a file: a trusted public key, as a file or base64.")
@output.as_json
def verify(what: str, key: tuple[str, ...], as_json: bool) -> None:
    """Verify a bundle in place, or a pack as a file or folder. Exit code 1 where it is not VERIFIED."""
    body = _verified_file(what, key) if Path(what).exists() else _verified_bundle(what)
    lines = [f"  {item}" for item in body["findings"]]
    output.say(body, "\n".join([f"{body['verdict']}: {counted(len(lines), 'finding')}.", *lines]), as_json=as_json)
    raise SystemExit(0 if body["verdict"] == "VERIFIED" else 1)


def _verified_bundle(bundle_id: str) -> dict[str, Any]:
    row: EvidenceBundle = session.one(EvidenceBundle.objects.all(), bundle_id, "bundle")
    with output.told():
        found = verifying.verify(bundle=row, actor=session.actor(), now=clock.now())
    return {"verdict": found.verdict, "findings": found.findings, "checked": found.checked}


def _verified_file(path: str, given: tuple[str, ...]) -> dict[str, Any]:
    try:
        trusted = [key for text in given for key in verify_pack.read_keys(text)]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise click.ClickException(f"--key: {error}") from error
    found: dict[str, Any] = verify_pack.verify(
        path, trusted or [base64.b64decode(key.key) for key in signing.public_keys()]
    ).to_dict()
    return found


def _write(bundle: EvidenceBundle, target: Path, person: User) -> int:
    packed = bundles.export(bundle_id=bundle.pk, actor=person.actor(), now=clock.now())
    with target.open("wb") as file:
        file.writelines(packed.chunks)
    return packed.size


def _bundle(bundle_id: object) -> EvidenceBundle:
    row = EvidenceBundle.objects.filter(pk=str(bundle_id)).first()
    if row is None:
        raise click.ClickException(f"There is no bundle {bundle_id}.")
    return row


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return evidence
