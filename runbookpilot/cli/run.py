"""`runbookpilot run`"""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click
from django.conf import settings

from accounts.choices import Permission
from accounts.models import Environment, Tenant
from accounts.selectors import access
from audit import pump
from core import clock
from core.actors import Actor
from core.errors import DomainError
from incidents.services import alerts
from playbooks_app.api import shapes
from playbooks_app.models import Execution, Playbook
from playbooks_app.services import executions, triggers
from runbookpilot.cli import foreground, output, session, values

EXIT_CODES = """\b
Exit codes:
  0  every document was accepted, and everything that it started completed
  1  refused, with one line that says why
  2  wrong usage
  3  at least one document was refused
  4  at least one execution did not complete
  5  at least one execution waits for people
"""
ENDINGS_OF = {"completed": 0, "awaiting_approval": 5, "awaiting_input": 5, "waiting": 5, "paused": 5}


@dataclasses.dataclass(frozen=True, slots=True)
class Door:
    """For whom this command acts, and on which terms."""

    tenant: Tenant
    environment: Environment
    actor: Actor
    terms: triggers.Terms


@click.command("run", epilog=EXIT_CODES)
@click.option("--input", "source", default="", help="A file with one ECS document, an array or NDJSON; - for standard input.")
@click.option("--playbook", default="", help="Start this playbook on the documents, or on none, instead of matching triggers.")
@click.option("--set", "inputs", multiple=True, metavar="NAME=VALUE", help="An input of the playbook; JSON where it parses.")
@click.option("--environment", "environment_slug", default="", help="The environment's slug; the default one where left out.")
@session.tenant_option
@output.as_json
@click.pass_context
def run(ctx: click.Context, /, source: str, playbook: str, inputs: tuple[str, ...], as_json: bool, **where: str) -> None:
    """Take alerts in, and drive what they start in the foreground, without a worker.

    On a terminal it asks for what waits for people, as the owner of RUNBOOKPILOT_TOKEN. Ctrl-C leaves everything as it
    stands; any worker, or another run, goes on with it.
    """
    if not source and not playbook:
        raise click.UsageError("Name what to run: --input FILE, --input - or --playbook ID.")
    # Whatever is woken here runs here, also where workers run beside it: leases keep them apart.
    settings.TASK_BACKEND = "core.tasks.drop"
    door = _door(ctx.obj or {}, where["tenant_slug"], where["environment_slug"])
    asks = not as_json and foreground.terminal(source == "-")
    with output.told():
        results = _start(door, playbook, _documents(source), values.named(inputs)) if playbook else _ingest(door, _read(source))
    started = [pk for result in results for pk in result.pop("started", ())]
    ended = foreground.drive(started, asks=asks, quiet=as_json)
    pump.deliver_all(streams=_streams(results, ended), now=clock.now())
    code = _exit_code(results, ended)
    _tell(results, ended, code, as_json)
    raise SystemExit(code)


def _door(options: dict[str, Any], tenant_slug: str, environment_slug: str) -> Door:
    level = options.get("automation_level")
    if level == "L2" and not options.get("enable_l2"):
        raise click.UsageError("--automation-level L2 needs --enable-l2 as well; deployment and tenant have to allow it too.")
    tenant = session.tenant(tenant_slug)
    if settings.CLI_TOKEN:
        with output.told():
            access.require(session.person(), Permission.INGEST_ALERTS, tenant.pk)
            access.require(session.person(), Permission.WORK_EXECUTIONS, tenant.pk)
    terms = triggers.Terms(level=level, drill=bool(options.get("dry_run")))
    return Door(tenant, session.environment(tenant, environment_slug), session.actor(), terms)


def _ingest(door: Door, body: bytes) -> list[dict[str, Any]]:
    try:
        batch = alerts.ingest(
            tenant=door.tenant, environment=door.environment, body=body, content_type="", headers={}, source=None,
            actor=door.actor, now=clock.now(),
        )  # fmt: skip
    except DomainError as error:
        return [{"error": {"code": error.code, "detail": output.sentence(error)}}]
    return [_matched(item, door.terms) for item in batch.results]


def _matched(item: alerts.Accepted | alerts.Refused, terms: triggers.Terms) -> dict[str, Any]:
    if isinstance(item, alerts.Refused):
        return {"index": item.index, "error": {"code": item.error.code, "detail": output.sentence(item.error)}}
    decisions = [] if item.duplicate else triggers.match(alert_id=item.alert.pk, now=clock.now(), terms=terms)
    return {
        "id": item.alert.pk,
        "duplicate": item.duplicate,
        "decisions": [
            {"playbook": row.playbook.slug if row.playbook else None, "matched": row.matched, "why": row.why} for row in decisions
        ],
        "started": [row.execution_id for row in decisions if row.execution_id],
    }


def _start(door: Door, slug: str, documents: list[Any], inputs: dict[str, Any]) -> list[dict[str, Any]]:
    playbook = Playbook.objects.select_related("active_version").filter(tenant=door.tenant, slug=slug).first()
    if playbook is None:
        raise click.ClickException(f"There is no playbook {slug!r} in {door.tenant.slug}: runbookpilot list shows them.")
    return [_started(door, playbook, document, inputs) for document in documents]


def _started(door: Door, playbook: Playbook, document: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(document, dict):
        return {"error": {"code": "not_a_document", "detail": "This is no ECS document: it has to be a JSON object."}}
    try:
        row = executions.start(
            tenant=door.tenant, environment=door.environment, version=playbook.active_version, event=document, inputs=inputs,
            level=door.terms.level, drill=door.terms.drill, actor=door.actor, now=clock.now(),
        )  # fmt: skip
    except DomainError as error:
        return {"error": {"code": error.code, "detail": output.sentence(error)}}
    return {"started": [row.pk]}


def _read(source: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise click.ClickException(f"{source} cannot be read: {error.strerror or error}.") from error


def _documents(source: str) -> list[Any]:
    if not source:
        return [{}]
    try:
        found = json.loads(_read(source))
    except ValueError as error:
        raise click.ClickException(f"{source} holds no JSON document: {error}.") from error
    return found if isinstance(found, list) else [found]


def _streams(results: list[dict[str, Any]], ended: list[Execution]) -> list[str]:
    return [f"execution:{row.pk}" for row in ended] + [f"alert:{result['id']}" for result in results if "id" in result]


def _exit_code(results: list[dict[str, Any]], ended: list[Execution]) -> int:
    if any("error" in result for result in results):
        return 3
    codes = {ENDINGS_OF.get(row.status, 4) for row in ended}
    return 4 if 4 in codes else max(codes, default=0)


def _tell(results: list[dict[str, Any]], ended: list[Execution], code: int, as_json: bool) -> None:
    if as_json:
        rows = [shapes.execution(row, steps=True) for row in ended]
        output.dump({"results": results, "executions": rows, "exit": code})
        return
    for number, result in enumerate(results, 1):
        if "error" in result:
            click.echo(f"Document {number}: {result['error']['detail']}", err=True)
        elif result.get("duplicate"):
            click.echo(f"Document {number}: a duplicate of alert {result['id']}; it starts nothing.")
        elif "decisions" in result and not any(row["matched"] for row in result["decisions"]):
            whys = "; ".join(f"{row['playbook'] or 'no playbook'}: {row['why']}" for row in result["decisions"])
            click.echo(f"Document {number}: nothing matched. {whys}")
    for row in ended:
        click.echo(f"{row.title}: {row.status.replace('_', ' ')} (execution {row.pk}).")


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return run
