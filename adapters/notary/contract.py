"""What a notary does."""

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class Digest(Parameters):
    """A sha256 in hex."""

    sha256: str


class Token(Parameters):
    """A token and what it is over."""

    sha256: str
    token: str


class Stamped(Result):
    """A token over the digest."""

    token: str


class Checked(Result):
    """Whether the token holds."""

    valid: bool


ACTIONS = (
    Action(
        name="notary.timestamp",
        verb="Time-stamp",
        params=Digest,
        result=Stamped,
        idempotent=True,
        target="sha256",
        predict=lambda _: {"token": "predicted"},
    ),
    Action(name="notary.verify", params=Token, result=Checked, effect=Effect.READ, target="sha256"),
)
