"""`runbookpilot audit`"""

import json
import uuid
from pathlib import Path
from typing import TextIO

import click

from audit.selectors import entries
from audit.services import checkpoints, proofs
from audit.services import export as exporting
from audit.services import verify as verifying
from core import clock, signing
from core.plurals import counted
from runbookpilot.cli import output


@click.group()
def audit() -> None:
    """The audit trail."""


@audit.command("verify")
@click.option("--against", type=click.File("r"), help="A checkpoint that was kept elsewhere, as `audit checkpoint` printed it.")
@output.as_json
def verify(against: TextIO | None, as_json: bool) -> None:
    """Re-compute everything; name what was changed, removed, inserted or reordered. Exit code 1 where something was."""
    report = verifying.run()
    kept = against is None or _still_stands(against.read())
    if as_json:
        output.dump({**report.to_dict(), "ok": report.ok and kept, "kept_checkpoint_stands": kept if against else None})
    else:
        for problem in report.problems:
            click.echo(problem.sentence)
        if not kept:
            click.echo("The log is not a continuation of the checkpoint that was kept.")
        verdict = "all hold" if report.ok and kept else "NOT as they were written"
        click.echo(
            f"{counted(report.entries, 'entry', 'entries')} in {counted(report.streams, 'stream')}: {verdict}. "
            f"{counted(report.checkpoints, 'signed checkpoint covers', 'signed checkpoints cover')} {report.covered} of them."
        )
    raise SystemExit(0 if report.ok and kept else 1)


@audit.command("checkpoint")
def checkpoint() -> None:
    """Sign what is new, and print the newest checkpoint, for an auditor to keep elsewhere."""
    while checkpoints.make(now=clock.now()) is not None:
        pass
    newest = checkpoints.latest()
    if newest is None:
        raise click.ClickException("There is no entry yet.")
    output.dump(checkpoints.signed(newest))


@audit.command("proof")
@click.argument("entry_id", type=click.UUID)
def proof(entry_id: uuid.UUID) -> None:
    """Print the proof that ENTRY_ID is under a signed checkpoint."""
    with output.told():
        output.dump(proofs.of_entry(entry_id=entry_id))


@audit.command("check-proof")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
def check_proof(file: Path) -> None:
    """Check a proof that `audit proof` printed. Exit code 1 where it does not hold."""
    try:
        good = proofs.holds(json.loads(file.read_text()), signing.public_keys())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise click.ClickException("This is not a proof.") from error
    click.echo("The proof holds." if good else "The proof does NOT hold.")
    raise SystemExit(0 if good else 1)


@audit.command("export")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
def export(form: str) -> None:
    """Print every entry, as JSON Lines or CSV."""
    rows = entries.queryset().order_by("id").iterator(chunk_size=2000)
    for line in (exporting.json_lines if form == "jsonl" else exporting.comma_separated)(rows):
        click.echo(line, nl=False)


def _still_stands(text: str) -> bool:
    try:
        return proofs.still_stands(json.loads(text), signing.public_keys())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise click.ClickException("This is not a checkpoint.") from error


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return audit
