"""`runbookpilot history`, `cancel` and `rollback`"""

from typing import Any

import click

from accounts.choices import Permission
from accounts.selectors import access
from core import clock
from playbooks_app.api import shapes
from playbooks_app.models import Execution
from playbooks_app.services import executions
from runbookpilot.cli import output, session


@click.command("history")
@click.argument("execution_id", default="")
@output.as_json
def history(execution_id: str, as_json: bool) -> None:
    """List executions, or show EXECUTION_ID with its steps."""
    rows = Execution.objects.select_related("version__playbook").order_by("-id")
    if execution_id:
        found = shapes.execution(_one(execution_id), steps=True)
        if as_json:
            output.dump(found)
        else:
            output.show(
                found["steps"], as_json=False, empty="No steps.", columns=("id", "status", "mode", "action", "waiting_for")
            )
        return
    table: list[dict[str, Any]] = [shapes.execution(row, steps=False) for row in rows[:100]]
    columns = ("id", "status", "title", "level", "started_by", "started_at")
    output.show(table, as_json=as_json, empty="No execution yet.", columns=columns)


@click.command("cancel")
@click.argument("execution_id")
@click.option("--reason", required=True)
@output.as_json
def cancel(execution_id: str, reason: str, as_json: bool) -> None:
    """Cancel EXECUTION_ID."""
    _act(executions.cancel, execution_id, reason, as_json)


@click.command("rollback")
@click.argument("execution_id")
@click.option("--reason", required=True)
@output.as_json
def rollback(execution_id: str, reason: str, as_json: bool) -> None:
    """Undo what EXECUTION_ID changed, last first."""
    _act(executions.rollback, execution_id, reason, as_json)


def _act(service: Any, prefix: str, reason: str, as_json: bool) -> None:
    person, row = session.person(), _one(prefix)
    with output.told():
        access.require(person, Permission.WORK_EXECUTIONS, row.tenant_id)
        found = service(execution_id=row.pk, reason=reason, actor=person.actor(), now=clock.now())
    output.say({"id": found.pk, "status": found.status}, f"{found.title}: asked; it is {found.status} now.", as_json=as_json)


def _one(prefix: str) -> Execution:
    ids = [pk for pk in Execution.objects.values_list("pk", flat=True) if str(pk).startswith(prefix)][:2]
    if len(ids) != 1:
        raise click.ClickException(f"{prefix!r} names {'several executions' if ids else 'no execution'}.")
    return Execution.objects.select_related("version__playbook").prefetch_related("steps__assignee").get(pk=ids[0])


def command(name: str) -> click.Command:
    return {"history": history, "cancel": cancel, "rollback": rollback}[name]
