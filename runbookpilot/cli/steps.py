"""`runbookpilot step`: what people do with a step that waits for them."""

from typing import Any

import click

from accounts.choices import Permission
from accounts.selectors import access
from core import clock
from playbooks_app.api import shapes
from playbooks_app.choices import StepStatus
from playbooks_app.models import Execution, StepRun
from playbooks_app.services import executions, uncertain
from runbookpilot.cli import output, session, values

WAITING = (StepStatus.AWAITING_INPUT, StepStatus.UNCERTAIN)


@click.command("step")
@click.argument("execution_id")
@click.argument("step_id", default="")
@click.option("--done", is_flag=True, help="It was done; its output is given with --set.")
@click.option("--skip", is_flag=True, help="It is not needed.")
@click.option("--choose", default="", metavar="BRANCH", help="Take this branch of a decision.")
@click.option("--answer", type=click.Choice(uncertain.ANSWERS), help="What became of a write of which nobody knows whether it happened.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A value of the output; JSON where it parses.")
@click.option("--note", default="", help="What you saw, or why.")
@output.as_json
def step(execution_id: str, step_id: str, given: tuple[str, ...], note: str, as_json: bool, **said: Any) -> None:
    """Do what STEP_ID of EXECUTION_ID waits for, as the owner of RUNBOOKPILOT_TOKEN; without STEP_ID, list what waits.

    Of an uncertain write: `look` asks the vendor again, `happened` goes on, `not_happened` starts it anew and asks anew.
    """
    rows = Execution.objects.select_related("version__playbook").prefetch_related("steps__assignee")
    execution = session.one(rows, execution_id, "execution")
    chosen = [name for name, value in said.items() if value]
    if not step_id and not chosen:
        _list(execution, as_json=as_json)
        return
    if not step_id or len(chosen) != 1:
        raise click.UsageError("Name the step and one of --done, --skip, --choose BRANCH and --answer.")
    if given and not said["done"]:
        raise click.UsageError("--set gives the output of a step that is --done.")
    if said["answer"] and not note.strip():
        raise click.UsageError("Say with --note what you saw: the journal keeps it with your answer.")
    person = session.person()
    with output.told():
        access.require(person, Permission.WORK_EXECUTIONS, execution.tenant_id)
        run = _act({"execution_id": execution.pk, "step_id": step_id, "actor": person.actor(), "now": clock.now()}, said, given, note)
    output.say({"step": run.step_id, "status": run.status}, f"{run.name}: {run.get_status_display()}.", as_json=as_json)


def _act(common: dict[str, Any], said: dict[str, Any], given: tuple[str, ...], note: str) -> StepRun:
    if said["answer"]:
        return uncertain.answer(said=said["answer"], reason=note, **common)
    if said["choose"]:
        return executions.update_step(decision=said["choose"], note=note, **common)
    if said["skip"]:
        return executions.update_step(status=StepStatus.SKIPPED, note=note, **common)
    return executions.update_step(status=StepStatus.COMPLETED, output=values.named(given) or None, note=note, **common)


def _list(execution: Execution, *, as_json: bool) -> None:
    found = [row for row in shapes.execution(execution, steps=True)["steps"] if row["status"] in WAITING]
    columns = ("id", "status", "action", "waiting_for")
    output.show(found, as_json=as_json, empty="No step waits for a person.", columns=columns)


def command(_name: str) -> click.Command:
    """Return the command, for the table."""
    return step
