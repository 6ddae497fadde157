"""`runbookpilot audit`"""

import click

from audit.selectors import entries
from audit.services import export as exporting
from audit.services import verify as verifying
from runbookpilot.cli import output


@click.group()
def audit() -> None:
    """The audit trail."""


@audit.command("verify")
@output.as_json
def verify(as_json: bool) -> None:
    """Re-compute everything; name what was changed, removed, inserted or reordered. Exit code 1 where something was."""
    report = verifying.run()
    if as_json:
        output.dump(report.to_dict())
    else:
        for problem in report.problems:
            click.echo(problem.sentence)
        click.echo(
            f"{report.entries} entries in {report.streams} streams: {'all hold' if report.ok else 'NOT as they were written'}."
        )
    raise SystemExit(0 if report.ok else 1)


@audit.command("export")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
def export(form: str) -> None:
    """Print every entry, as JSON Lines or CSV."""
    rows = entries.queryset().order_by("id").iterator(chunk_size=2000)
    for line in (exporting.json_lines if form == "jsonl" else exporting.comma_separated)(rows):
        click.echo(line, nl=False)


def command(_name: str) -> click.Command:
    return audit
