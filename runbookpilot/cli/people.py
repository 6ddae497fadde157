"""`runbookpilot token` and `runbookpilot user`"""

import datetime as dt

import click

from accounts.choices import Role
from accounts.models import ApiToken, Membership, User
from accounts.services import memberships, tokens, users
from core import clock
from runbookpilot.cli import output, session


@click.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.argument("username")
@click.option("--name", default="command line", show_default=True)
@click.option("--days", default=90, show_default=True, type=click.IntRange(1, 3650), help="How long it is valid.")
@output.as_json
def create_token(username: str, name: str, days: int, as_json: bool) -> None:
    """Create a token for USERNAME and print it, this once."""
    user, now = _user(username), clock.now()
    row, text = tokens.create(user=user, name=name, actor=session.actor(), now=now, expires_at=now + dt.timedelta(days=days))
    output.say({"token": text, "expires_at": row.expires_at, "id": row.id}, text, as_json=as_json)


@token.command("list")
@click.argument("username", default="")
@output.as_json
def list_tokens(username: str, as_json: bool) -> None:
    """List the tokens, of USERNAME or of all."""
    rows = ApiToken.objects.order_by("-created_at").filter(**({"user__username": username} if username else {}))
    names = ("id", "user__username", "name", "prefix", "expires_at", "last_used_at", "revoked_at")
    output.show(list(rows.values(*names)), as_json=as_json, empty="There are no tokens.")


@token.command("revoke")
@click.argument("token_id", type=click.UUID)
@output.as_json
def revoke_token(token_id: str, as_json: bool) -> None:
    """Make the token TOKEN_ID worthless."""
    row = ApiToken.objects.filter(pk=token_id).first()
    if row is None:
        raise click.ClickException(f"There is no token {token_id}.")
    tokens.revoke(token=row, actor=session.actor(), now=clock.now())
    output.say({"id": row.id, "revoked": True}, f"The token {row.name} is revoked.", as_json=as_json)


@click.group()
def user() -> None:
    """People and their roles."""


@user.command("create")
@click.argument("username")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True)
@click.option("--email", default="")
@output.as_json
def create_user(username: str, password: str, email: str, as_json: bool) -> None:
    """Create USERNAME."""
    with output.told():
        row = users.create(username=username, password=password, email=email, actor=session.actor(), now=clock.now())
    output.say({"id": row.pk, "username": row.username}, f"{row.username} is created; grant a role next.", as_json=as_json)


@user.command("grant")
@click.argument("username")
@click.argument("role", type=click.Choice(Role.values))
@session.tenant_option
@output.as_json
def grant(username: str, role: str, tenant_slug: str, as_json: bool) -> None:
    """Give USERNAME a ROLE in a tenant."""
    tenant = session.tenant(tenant_slug)
    with output.told():
        memberships.grant(user=_user(username), tenant=tenant, role=Role(role), actor=session.actor(), now=clock.now())
    output.say(
        {"user": username, "role": role, "tenant": tenant.slug}, f"{username} is {role} in {tenant.slug}.", as_json=as_json
    )


@user.command("list")
@output.as_json
def list_users(as_json: bool) -> None:
    """List who has which role where."""
    rows = Membership.objects.order_by("tenant__slug", "user__username").values("user__username", "tenant__slug", "role")
    output.show(list(rows), as_json=as_json, empty="Nobody has a role yet.")


def _user(username: str) -> User:
    row = User.objects.filter(username=username).first()
    if row is None:
        raise click.ClickException(f"There is no user {username}.")
    return row


def command(name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return {"token": token, "user": user}[name]
