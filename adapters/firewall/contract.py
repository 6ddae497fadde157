"""What a firewall does."""

from typing import Any

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class Address(Parameters):
    """An address to act on."""

    ip: str
    comment: str | None = None


class Domain(Parameters):
    """A domain to act on."""

    domain: str
    comment: str | None = None


class Blocked(Result):
    """Whether it is blocked."""

    blocked: bool


def _blocked(output: Any, _params: Any) -> bool:
    return bool(output.get("blocked"))


def _open(output: Any, _params: Any) -> bool:
    return not output.get("blocked")


ACTIONS = (
    Action(
        name="firewall.block_ip",
        verb="Block",
        params=Address,
        result=Blocked,
        effect=Effect.REVERSIBLE,
        idempotent=True,
        target="ip",
        look="firewall.check_ip_status",
        settled=_blocked,
        undo="firewall.unblock_ip",
        predict=lambda _: {"blocked": True},
    ),
    Action(
        name="firewall.unblock_ip",
        verb="Unblock",
        params=Address,
        result=Blocked,
        effect=Effect.REVERSIBLE,
        idempotent=True,
        target="ip",
        look="firewall.check_ip_status",
        settled=_open,
        undo="firewall.block_ip",
        predict=lambda _: {"blocked": False},
    ),
    Action(name="firewall.check_ip_status", params=Address, result=Blocked, effect=Effect.READ, target="ip"),
    Action(
        name="firewall.block_domain",
        verb="Block",
        params=Domain,
        result=Blocked,
        effect=Effect.REVERSIBLE,
        idempotent=True,
        target="domain",
        undo="firewall.unblock_domain",
        predict=lambda _: {"blocked": True},
    ),
    Action(
        name="firewall.unblock_domain",
        verb="Unblock",
        params=Domain,
        result=Blocked,
        effect=Effect.REVERSIBLE,
        idempotent=True,
        target="domain",
        undo="firewall.block_domain",
        predict=lambda _: {"blocked": False},
    ),
)
