"""What notifications do."""

from typing import Any

from adapters.contract import Action, Parameters, Result


class SlackMessage(Parameters):
    """A message to a channel."""

    text: str
    channel: str | None = None


class Email(Parameters):
    """A mail."""

    to: str
    subject: str
    text: str


class Webhook(Parameters):
    """A JSON document for the configured address."""

    event: str
    data: dict[str, Any] = {}


class Sent(Result):
    """That it was accepted for delivery."""

    sent: bool


def _sent(_params: Any) -> dict[str, Any]:
    return {"sent": True}


#: Nobody can look whether a chat message or a mail was sent, and neither takes a key.
ACTIONS = (
    Action(
        name="notify.send_slack_message",
        verb="Message",
        params=SlackMessage,
        result=Sent,
        notification=True,
        target="channel",
        predict=_sent,
    ),
    Action(name="notify.send_email", verb="Mail", params=Email, result=Sent, notification=True, target="to", predict=_sent),
    Action(
        name="notify.send_webhook",
        verb="Send webhook",
        params=Webhook,
        result=Sent,
        takes_key=True,
        target="event",
        predict=_sent,
    ),
)
