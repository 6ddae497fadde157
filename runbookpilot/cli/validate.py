"""`runbookpilot validate`"""

import importlib
from collections.abc import Mapping
from pathlib import Path

import click

from core.plurals import counted
from playbooks_app.spec import loader
from playbooks_app.spec.catalogue import ActionInfo
from runbookpilot import catalogue, cli
from runbookpilot.cli import output


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@output.as_json
def validate(files: tuple[Path, ...], as_json: bool) -> None:
    """Check playbook FILES; every problem with file, line, column and what to do. Exit code 1 where there are errors."""
    actions = _actions()
    problems = [
        problem for path in files for problem in loader.load(path.read_bytes(), catalogue=actions, filename=str(path)).problems
    ]
    errors = [problem for problem in problems if problem.severity == "error"]
    if as_json:
        output.dump({"valid": not errors, "problems": [problem.to_dict() for problem in problems]})
    else:
        for problem in problems:
            click.echo(problem.render())
        click.echo(f"{len(files)} checked, {counted(len(errors), 'error')}, {counted(len(problems) - len(errors), 'warning')}.")
    raise SystemExit(1 if errors else 0)


def _actions() -> Mapping[str, ActionInfo]:
    found = catalogue.known()
    if found is None:
        cli.start_django()
        found = importlib.import_module("playbooks_app.services.playbooks").catalogue()
    return found


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return validate
