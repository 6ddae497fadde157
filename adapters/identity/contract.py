"""What a directory does."""

from typing import Any

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class Group(Parameters):
    """A group by name."""

    group: str


class UserFilter(Parameters):
    """Part of a name, or nothing for all."""

    name: str = ""


class Username(Parameters):
    """A user by name."""

    user: str


class Users(Result):
    """Users as the directory knows them."""

    users: list[dict[str, Any]]


class Account(Result):
    """Whether the account may log in."""

    enabled: bool


ACTIONS = (
    Action(name="identity.list_users", params=UserFilter, result=Users, effect=Effect.READ),
    Action(name="identity.list_group_members", params=Group, result=Users, effect=Effect.READ, target="group"),
    Action(
        name="identity.disable_user",
        verb="Disable user",
        params=Username,
        result=Account,
        effect=Effect.REVERSIBLE,
        idempotent=True,
        target="user",
        undo="identity.enable_user",
        predict=lambda _: {"enabled": False},
    ),
    Action(
        name="identity.enable_user",
        verb="Enable user",
        params=Username,
        result=Account,
        effect=Effect.REVERSIBLE,
        idempotent=True,
        target="user",
        undo="identity.disable_user",
        predict=lambda _: {"enabled": True},
    ),
)
