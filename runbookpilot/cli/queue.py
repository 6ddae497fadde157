"""`runbookpilot queue`, `approve` and `reject`"""

import click

from approvals.choices import Status, Verdict
from approvals.models import Request
from approvals.selectors import queue as queues
from approvals.services import decisions
from core import clock
from runbookpilot.cli import output, session


@click.command("queue")
@output.as_json
def queue(as_json: bool) -> None:
    """List the approvals that wait."""
    rows = Request.objects.filter(status=Status.PENDING).select_related("claimed_by").prefetch_related("decisions")
    found = [queues.shape(row) for row in rows.order_by("expires_at")[:200]]
    if as_json:
        output.dump({"results": found})
        return
    table = [
        {"id": row["id"], "risk": row["impact"]["risk"], "what": row["title"], "playbook": row["playbook"], "step": row["step"]}
        for row in found
    ]
    output.show(table, as_json=False, empty="Nothing waits for a decision.")


@click.command("approve")
@click.argument("request_id")
@click.option("--reason", default="")
@output.as_json
def approve(request_id: str, reason: str, as_json: bool) -> None:
    """Approve REQUEST_ID, as the owner of RUNBOOKPILOT_TOKEN."""
    _decide(request_id, Verdict.APPROVE, reason, as_json)


@click.command("reject")
@click.argument("request_id")
@click.option("--reason", required=True)
@output.as_json
def reject(request_id: str, reason: str, as_json: bool) -> None:
    """Reject REQUEST_ID with a reason, as the owner of RUNBOOKPILOT_TOKEN."""
    _decide(request_id, Verdict.REJECT, reason, as_json)


def _decide(prefix: str, verdict: Verdict, reason: str, as_json: bool) -> None:
    person = session.person()
    found = session.one(Request.objects.visible_to(person), prefix, "request that you may see")
    with output.told():
        row = decisions.decide(
            request_id=found.pk, verdict=verdict, digest=found.digest, reason=reason, actor=person.actor(), now=clock.now()
        )
    output.say({"id": row.pk, "status": row.status}, f"{row.title}: {row.status}.", as_json=as_json)


def command(name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return {"queue": queue, "approve": approve, "reject": reject}[name]
