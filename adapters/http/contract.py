"""What any REST API does."""

from typing import Any

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class Get(Parameters):
    """A GET on an allow-listed host."""

    url: str
    headers: dict[str, str] = {}


class Request(Parameters):
    """Any request on an allow-listed host."""

    method: str
    url: str
    headers: dict[str, str] = {}
    json_body: dict[str, Any] | None = None


class Answer(Result):
    """Status and body."""

    status: int
    body: Any = None


ACTIONS = (
    Action(name="http.get", params=Get, result=Answer, effect=Effect.READ, target="url"),
    Action(name="http.request", verb="Request", params=Request, result=Answer, target="url", predict=lambda _: {"status": 200}),
)
