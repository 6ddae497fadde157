"""`runbookpilot stop`"""

import click

from accounts.services import stops
from core import clock
from runbookpilot.cli import output, session


@click.command("stop")
@click.option("--reason", required=True, help="Why; kept in the audit trail.")
@click.option("--all-tenants", is_flag=True, help="Stop the writes of every tenant.")
@click.option("--release", is_flag=True, help="Lift the stop instead.")
@session.tenant_option
@output.as_json
def stop(reason: str, all_tenants: bool, release: bool, tenant_slug: str, as_json: bool) -> None:
    """Stop every write at once: queued, running and approved ones wait.

    Of one tenant it needs RUNBOOKPILOT_TOKEN. Of every tenant without it, the operator of this machine stops and releases.
    """
    who = session.actor() if all_tenants else session.person().actor()
    tenant = None if all_tenants else session.tenant(tenant_slug)
    service = stops.release if release else stops.engage
    with output.told():
        service(tenant=tenant, reason=reason, actor=who, now=clock.now())
    where = tenant.slug if tenant else "every tenant"
    done = f"Writes of {where} are allowed again." if release else f"No write leaves {where} until the stop is lifted."
    output.say({"scope": where, "stopped": not release}, done, as_json=as_json)


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return stop
