"""`runbookpilot backup` and `runbookpilot restore`"""

from pathlib import Path

import click
from django.conf import settings

from core import clock
from core.actors import system
from core.plurals import counted
from runbookpilot import backups, databases, environment, transfer
from runbookpilot.cli import output

FILE = click.Path(dir_okay=False, path_type=Path)
OPERATOR = system("operator")


@click.command("backup")
@click.argument("file", type=FILE)
@output.as_json
def backup(file: Path, as_json: bool) -> None:
    """Write everything into FILE: database, keys, files of evidence; everything may go on running.

    Whoever has FILE has all secrets: encrypt it before it leaves this machine.
    """
    file = file.absolute()
    if not file.parent.is_dir():
        raise click.ClickException(f"There is no folder {file.parent}.")
    with output.told():
        made = backups.backup(
            file=file, source=_database(), data=Path(settings.DATA_DIR), actor=OPERATOR, now=clock.now(), progress=_progress(as_json)
        )
    lines = [
        f"{file} holds {counted(made.rows, 'row')}, {counted(made.entries, 'verified entry', 'verified entries')} of the journal, and {counted(made.files, 'file')}.",
        f"sha256 {made.sha256}",
        *_gone(made),
        *_apart(),
        "It holds the keys: encrypt it before it leaves this machine. Prove it by restoring it elsewhere.",
    ]
    output.say(_shape(made, file), "\n".join(lines), as_json=as_json)


@click.command("restore")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@output.as_json
def restore(file: Path, as_json: bool) -> None:
    """Put everything of FILE into the configured database, which has to be empty, and into the data folder."""
    target = _database()
    with output.told():
        made = backups.restore(
            file=file, target=target, data=Path(settings.DATA_DIR), actor=OPERATOR, now=clock.now(), progress=_progress(as_json)
        )
    lines = [
        f"{databases.shown(target)} holds {counted(made.rows, 'row')}, each as it was, and {counted(made.entries, 'verified entry', 'verified entries')} of the journal.",
        f"{settings.DATA_DIR} has its {counted(made.files, 'file')}.",
        *_gone(made),
        *_apart(),
        "Next: runbookpilot doctor, runbookpilot audit verify, and start. What was under way goes on by itself, up to its next write.",
        "Writes of every tenant are stopped: what was done since the backup is not known here. Look, then: runbookpilot stop --release",
    ]
    output.say(_shape(made, file), "\n".join(lines), as_json=as_json)


def _database() -> dict[str, object]:
    return dict(settings.DATABASES["default"])


def _progress(as_json: bool) -> transfer.Progress:
    return (lambda *_: None) if as_json else output.counting()


def _gone(made: backups.Outcome) -> list[str]:
    return [f"{counted(made.missing, 'file')} of evidence that the database names {'is' if made.missing == 1 else 'are'} missing."] if made.missing else []


def _apart() -> list[str]:
    """Say which keys stand in the environment, and so in no backup."""
    operator = environment.load()
    given = {"RUNBOOKPILOT_SECRET_KEY": operator.secret_key.get_secret_value(), "RUNBOOKPILOT_SECRET_KEYS": operator.secret_keys}
    return [f"{name} is set: keep it yourself, no backup holds it." for name, value in given.items() if value]


def _shape(made: backups.Outcome, file: Path) -> dict[str, object]:
    return {
        "file": str(file), "sha256": made.sha256, "rows": made.rows, "entries": made.entries, "files": made.files, "missing": made.missing,
    }  # fmt: skip


def command(name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return {"backup": backup, "restore": restore}[name]
