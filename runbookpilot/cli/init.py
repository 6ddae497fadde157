"""`runbookpilot init`"""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import click

from accounts.choices import Role
from accounts.models import Environment, Tenant, User
from accounts.services import memberships, tenants, tokens, users
from adapters import instances, registry
from adapters.choices import Mode
from adapters.models import AdapterInstance
from core import clock
from core.actors import system
from playbooks_app.services import playbooks
from runbookpilot.cli import output, serve
from runbookpilot.cli.adapters import apply_declared

SETUP = system("setup")
TOKEN_DAYS = 90
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("init")
@click.option("--tenant", "slug", prompt="Tenant (short name)", help="The slug of the first tenant.")
@click.option("--name", default="", help="The tenant's name in words; the slug where left out.")
@click.option("--admin", "username", prompt="Administrator (user name)", help="The user name of the first administrator.")
@click.option("--adapter", default="", help="The first adapter, by name (runbookpilot init lists them where it asks).")
@click.option("--config", default="{}", help="The adapter's configuration as JSON, without secrets.")
@click.option("--password-file", type=FILE, help="A file with the administrator's password; asked for where left out.")
@click.option("--secrets-file", type=FILE, help="A file with the adapter's secrets as JSON; asked for where left out.")
@click.option("--trigger-monitor", is_flag=True, help="Begin with triggers in monitor mode.")
@output.as_json
def init(slug: str, name: str, username: str, trigger_monitor: bool, as_json: bool, **more: Any) -> None:
    """Begin without the demo: a tenant, an administrator with a token, the playbook library, and a first adapter, checked.

    Running it again changes nothing that is there.
    """
    if trigger_monitor:
        raise click.ClickException(
            "Triggers in monitor mode are not available yet. Leave --trigger-monitor out: versions wait for activation anyway."
        )
    serve.migrate()
    with output.told():
        tenant = Tenant.objects.filter(slug=slug).first() or tenants.create(
            slug=slug, name=name or slug, actor=SETUP, now=clock.now()
        )
        person, token = _administrator(username, tenant, more["password_file"])
        versions = playbooks.load_library(tenant=tenant, actor=person.actor(), now=clock.now())
        apply_declared()
        environment = Environment.objects.get(tenant=tenant, is_default=True)
        checked = _adapter(environment, more, person)
    found = {
        "tenant": tenant.slug, "administrator": person.username, "token": token, "playbooks": len(versions),
        "adapter": checked.name if checked else None, "health": checked.health if checked else None,
    }  # fmt: skip
    output.say(found, _told(found, checked), as_json=as_json)


def _administrator(username: str, tenant: Tenant, password_file: Path | None) -> tuple[User, str | None]:
    """Return the administrator, and a token where the person is new; it is printed this once."""
    known = User.objects.filter(username=username).first()
    now = clock.now()
    person = known or users.create(username=username, password=_password(password_file), actor=SETUP, now=now)
    memberships.grant(user=person, tenant=tenant, role=Role.ADMINISTRATOR, actor=SETUP, now=now)
    if known is not None:
        return person, None
    _, text = tokens.create(user=person, name="init", actor=SETUP, now=now, expires_at=now + dt.timedelta(days=TOKEN_DAYS))
    return person, text


def _password(file: Path | None) -> str:
    return (
        file.read_text().strip()
        if file
        else str(click.prompt("Password of the administrator", hide_input=True, confirmation_prompt=True))
    )


def _adapter(environment: Environment, given: dict[str, Any], person: User) -> AdapterInstance | None:
    """Return the first adapter's instance with its connection checked; None where none was wanted."""
    name = given["adapter"]
    if not name:
        return AdapterInstance.objects.filter(environment=environment).first()
    known = registry.adapters()
    if name not in known:
        raise click.ClickException(f"There is no adapter {name!r}. There are: {', '.join(sorted(known))}.")
    row = AdapterInstance.objects.filter(environment=environment, name=name).first()
    if row is None:
        row = instances.create(
            environment=environment, adapter=name, name=name, config=_json("--config", given["config"]), secrets=_secrets(name, given["secrets_file"]),
            mode=Mode(known[name].modes[0]), actor=person.actor(), now=clock.now(),
        )  # fmt: skip
    return instances.check(instance=row, actor=person.actor(), now=clock.now())


def _secrets(adapter: str, file: Path | None) -> dict[str, str]:
    names = instances.secret_names(adapter)
    if not names:
        return {}
    given = _json("--secrets-file", file.read_text()) if file else {}
    return {name: str(given.get(name) or click.prompt(f"{adapter}: {name}", hide_input=True)) for name in names}


def _json(what: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.ClickException(f"{what} holds no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise click.ClickException(f"{what} has to be a JSON object.")
    return found


def _told(found: dict[str, Any], checked: AdapterInstance | None) -> str:
    lines = [
        f"Tenant {found['tenant']} with {found['playbooks']} playbooks of the library, in review until somebody else activates them."
    ]
    if found["token"]:
        lines += [f"Token of {found['administrator']}, shown this once: {found['token']}"]
    if checked:
        lines += [f"Adapter {checked.name} ({checked.mode}): {checked.health}. {checked.health_detail}"]
    else:
        lines += ["No adapter yet: add one with runbookpilot init --adapter NAME, or in the console."]
    return "\n".join([*lines, "Next: runbookpilot up"])


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return init
