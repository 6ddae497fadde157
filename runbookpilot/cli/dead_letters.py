"""`runbookpilot dead-letters`"""

from typing import Any

import click

from accounts.choices import Permission
from accounts.models import Tenant
from audit.selectors import deliveries
from audit.services import dead_letters as service
from core import canonical, clock
from core.actors import Actor
from runbookpilot.cli import output, session

MOST = 200


@click.group("dead-letters")
def dead_letters() -> None:
    """Work that was tried again and again, and gave up."""


@dead_letters.command("list")
@output.as_json
def list_(as_json: bool) -> None:
    """List them, newest first."""
    rows = deliveries.dead_letters(_whose()[1]).order_by("-dead_at", "-id")[:MOST]
    found = [_shape(deliveries.view(row)) for row in rows]
    columns = ("id", "dead_at", "task", "kind", "error")
    output.show(found, as_json=as_json, empty="Nothing gave up.", columns=columns)


@dead_letters.command("show")
@click.argument("letter_id")
@output.as_json
def show(letter_id: str, as_json: bool) -> None:
    """Show one: what was to be done, for which entry, and why it gave up."""
    found = _shape(_one(letter_id, _whose()[1]))
    output.say(found, "\n".join(f"{name}: {value}" for name, value in found.items() if value not in (None, "")), as_json=as_json)


@dead_letters.command("send")
@click.argument("letter_id", required=False)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@output.as_json
def send(letter_id: str | None, everything: bool, as_json: bool) -> None:
    """Send LETTER_ID again, or --all. Mend the cause first: runbookpilot dead-letters list."""
    if bool(letter_id) == everything:
        raise click.UsageError("Name one, or --all.")
    actor, tenant_ids = _whose()
    with output.told():
        if everything:
            count = service.send_all(tenant_ids=tenant_ids, actor=actor, now=clock.now())
        else:
            service.send(delivery_id=_one(letter_id or "", tenant_ids).id, tenant_ids=tenant_ids, actor=actor, now=clock.now())
            count = 1
    output.say({"sent": count}, f"Sent again: {count}. What gives up once more comes back here.", as_json=as_json)


@dead_letters.command("drop")
@click.argument("letter_id")
@click.option("--reason", required=True, help="Why it need not be done; kept in the audit trail.")
@output.as_json
def drop(letter_id: str, reason: str, as_json: bool) -> None:
    """Drop LETTER_ID for good: what it was to do is then never done."""
    actor, tenant_ids = _whose()
    found = _one(letter_id, tenant_ids)
    with output.told():
        service.drop(delivery_id=found.id, reason=reason, tenant_ids=tenant_ids, actor=actor, now=clock.now())
    output.say({"dropped": found.id}, f"Dropped: {found.sentence}.", as_json=as_json)


def _whose() -> tuple[Actor, list[Any] | None]:
    """Return who acts, and whose dead letters these are: the operator's are all, a person's those of their tenants."""
    actor = session.actor()
    if actor.is_system or actor.is_superuser:
        return actor, None
    return actor, list(Tenant.objects.permitting(session.person(), Permission.MANAGE_TENANT).values_list("pk", flat=True))


def _one(prefix: str, tenant_ids: list[Any] | None) -> deliveries.DeadLetter:
    return deliveries.view(session.one(deliveries.dead_letters(tenant_ids), prefix, "dead letter"))


def _shape(letter: deliveries.DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id, "what": letter.sentence, "task": letter.task, "arguments": canonical.plain(letter.arguments), "kind": letter.kind or "task",
        "stream": letter.stream, "entry": letter.entry_id, "attempts": letter.attempts, "dead_at": clock.iso(letter.dead_at), "error": letter.error,
    }  # fmt: skip


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return dead_letters
