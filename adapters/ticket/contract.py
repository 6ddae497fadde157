"""What a ticket system does."""

from typing import Any

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class NewTicket(Parameters):
    """A ticket to create."""

    title: str
    text: str = ""
    priority: str = "medium"


class Ticket(Parameters):
    """A ticket by its id."""

    ticket: str


class StatusChange(Parameters):
    """A ticket's new status."""

    ticket: str
    status: str


class Comment(Parameters):
    """A comment on a ticket."""

    ticket: str
    text: str


class TicketLink(Parameters):
    """A link between two tickets."""

    ticket: str
    other: str


class TicketState(Result):
    """A ticket as it stands."""

    ticket: str
    status: str = "open"
    url: str = ""


def _same(params: Any) -> dict[str, Any]:
    return {"ticket": params.get("ticket", "predicted"), "status": params.get("status", "open")}


ACTIONS = (
    Action(
        name="ticket.create",
        verb="Create ticket",
        params=NewTicket,
        result=TicketState,
        takes_key=True,
        target="title",
        predict=_same,
    ),
    Action(
        name="ticket.update_status",
        verb="Update ticket",
        params=StatusChange,
        result=TicketState,
        effect=Effect.REVERSIBLE,
        idempotent=True,
        target="ticket",
        predict=_same,
    ),
    Action(
        name="ticket.comment",
        verb="Comment on",
        params=Comment,
        result=TicketState,
        takes_key=True,
        target="ticket",
        predict=_same,
    ),
    Action(
        name="ticket.link", verb="Link", params=TicketLink, result=TicketState, idempotent=True, target="ticket", predict=_same
    ),
    Action(name="ticket.get", params=Ticket, result=TicketState, effect=Effect.READ, target="ticket"),
)
