"""`runbookpilot move`"""

from pathlib import Path
from typing import Any

import click
from django.conf import settings

from core import clock
from core.actors import system
from core.plurals import counted
from runbookpilot import databases, moving
from runbookpilot.cli import output

#: What the database names and does not hold, by its place in the data folder.
BESIDE = {
    "keys": "the keys for secrets and signatures",
    "blobs": "the files of evidence",
    "audit": "the newest checkpoint, noted outside of the database",
}


@click.command("move")
@click.option("--to", "url", required=True, help="The empty database: postgresql://…, sqlite:///FILE, or sqlite for the data folder's.")
@output.as_json
def move(url: str, as_json: bool) -> None:
    """Move everything into another, empty database: embedded to production, or back.

    Nothing of ours may run meanwhile. All rows are copied, verified and committed at once, or nothing is. The old database
    stays as it is, with every write stopped. A password is better given by PGPASSWORD or ~/.pgpass than in the address.
    """
    source, target = settings.DATABASES["default"], _target(url)
    with output.told():
        made = moving.move(
            source=source, target=target, actor=system("operator"), now=clock.now(), progress=_quiet if as_json else output.counting()
        )
    where, folder = databases.shown(target), Path(settings.DATA_DIR)
    beside = [(str(folder / name), what, _size(folder / name)) for name, what in BESIDE.items()]
    found = {"to": where, "rows": made.rows, "tables": len(made.tables), "journal": made.report.to_dict(), "beside": [{"path": path, "what": what, **size} for path, what, size in beside]}
    lines = [
        f"{counted(made.rows, 'row')} of {counted(len(made.tables), 'table')} stand in {where}, each as it was.",
        f"The journal's {counted(made.report.entries, 'entry verifies', 'entries verify')} as before; {counted(made.report.checkpoints, 'checkpoint covers', 'checkpoints cover')} {made.report.covered}.",
        *(f"It had this problem before the move, and has it still: {problem.sentence}" for problem in made.report.problems[:5]),
        f"The old database keeps all of it, with every write stopped: {databases.shown(source)}",
        "Next:",
        "  1. Set RUNBOOKPILOT_DATABASE_URL to the new address" + (", and RUNBOOKPILOT_TASKS and RUNBOOKPILOT_REDIS_URL." if "postgres" in where else " (or leave it out)."),
        "  2. Let these come along where another machine or folder takes over (on this one, RUNBOOKPILOT_DATA stays):",
        *(f"       {path}: {what}, {counted(size['files'], 'file')}" for path, what, size in beside),
        "     RUNBOOKPILOT_SECRET_KEY and RUNBOOKPILOT_SECRET_KEYS too, where they are set.",
        "  3. runbookpilot doctor, runbookpilot audit verify, and start.",
    ]  # fmt: skip
    output.say(found, "\n".join(lines), as_json=as_json)


def _target(url: str) -> dict[str, Any]:
    if url != "sqlite" and not url.startswith(("postgresql://", "postgres://", "sqlite:///")):
        raise click.UsageError("--to names postgresql://…, sqlite:///FILE, or sqlite for the file in the data folder.")
    target = databases.config(url, Path(settings.DATA_DIR))
    folder = Path(target["NAME"]).parent
    if target["ENGINE"].endswith("sqlite3") and not folder.is_dir():
        raise click.ClickException(f"There is no folder {folder}.")
    return target


def _size(folder: Path) -> dict[str, int]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {"files": len(files), "bytes": sum(path.stat().st_size for path in files)}


def _quiet(_table: str, _done: int, _total: int) -> None:
    """Show nothing."""


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return move
