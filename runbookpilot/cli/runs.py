"""`runbookpilot history`, `cancel` and `rollback`"""

import datetime as dt
from typing import Any

import click
from django.db.models import QuerySet

from accounts.choices import Permission
from accounts.selectors import access
from core import clock
from playbooks_app.api import shapes
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus
from playbooks_app.models import Execution
from playbooks_app.services import executions
from runbookpilot.cli import output, session


@click.command("history")
@click.argument("execution_id", default="")
@click.option("--playbook", default="", help="Only executions of this playbook, by its slug.")
@click.option(
    "--status",
    default="",
    type=click.Choice(["", "active", *(status.value for status in ExecutionStatus)]),
    help="Only those in this status.",
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Only those started since (UTC).")
@click.option("--until", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]), help="Only those started before (UTC).")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many, newest first.")
@output.as_json
def history(execution_id: str, as_json: bool, limit: int, **wanted: Any) -> None:
    """List executions, or show EXECUTION_ID with its steps."""
    if execution_id:
        found = shapes.execution(_one(execution_id), steps=True)
        if as_json:
            output.dump(found)
        else:
            output.show(
                found["steps"], as_json=False, empty="No steps.", columns=("id", "status", "mode", "action", "waiting_for")
            )
            if found["hint"]:
                click.echo(f"Given up at {found['given_up_at']}. {found['hint']}")
        return
    table: list[dict[str, Any]] = [shapes.execution(row, steps=False) for row in _matching(wanted)[:limit]]
    columns = ("id", "status", "title", "level", "started_by", "started_at")
    output.show(table, as_json=as_json, empty="No execution yet.", columns=columns)


def _matching(wanted: dict[str, Any]) -> QuerySet[Execution]:
    rows = Execution.objects.select_related("version__playbook").order_by("-id")
    if wanted["playbook"]:
        rows = rows.filter(version__playbook__slug=wanted["playbook"])
    if wanted["status"] == "active":
        rows = rows.exclude(status__in=FINAL_EXECUTION)
    elif wanted["status"]:
        rows = rows.filter(status=wanted["status"])
    if wanted["since"]:
        rows = rows.filter(started_at__gte=wanted["since"].replace(tzinfo=dt.UTC))
    if wanted["until"]:
        rows = rows.filter(started_at__lt=wanted["until"].replace(tzinfo=dt.UTC))
    return rows


@click.command("cancel")
@click.argument("execution_id")
@click.option("--reason", required=True)
@output.as_json
def cancel(execution_id: str, reason: str, as_json: bool) -> None:
    """Cancel EXECUTION_ID."""
    _act(executions.cancel, execution_id, reason, as_json)


@click.command("pause")
@click.argument("execution_id")
@click.option("--reason", required=True)
@output.as_json
def pause(execution_id: str, reason: str, as_json: bool) -> None:
    """Let nothing new start in EXECUTION_ID; calls under way finish, and its time stops."""
    _act(executions.pause, execution_id, reason, as_json)


@click.command("resume")
@click.argument("execution_id")
@click.option("--reason", default="")
@output.as_json
def resume(execution_id: str, reason: str, as_json: bool) -> None:
    """Let EXECUTION_ID go on."""
    _act(executions.resume, execution_id, reason, as_json)


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
    rows = Execution.objects.select_related("version__playbook").prefetch_related("steps__assignee")
    row: Execution = session.one(rows, prefix, "execution")
    return row


def command(name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return {"history": history, "cancel": cancel, "pause": pause, "resume": resume, "rollback": rollback}[name]
