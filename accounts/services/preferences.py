"""How a person wants to be told of what waits for them: by mail, by a signed webhook, or not at all."""

import datetime as dt
import secrets

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import transaction

from accounts.choices import Channel
from accounts.models import NotificationPreference, User
from audit import journal
from audit.choices import Kind
from core.actors import Actor
from core.errors import Invalid


class WrongChannel(Invalid):
    """The channel cannot be used."""

    code = "wrong_channel"


def choose(*, user: User, channel: Channel, url: str = "", actor: Actor, now: dt.datetime) -> tuple[NotificationPreference, str]:
    """Keep what a person chose; return it with the secret that signs a new webhook, which is shown this once.

    Raises WrongChannel for mail where no mail server is set or the person has no address, and for an address that is none.
    """
    _check(user, channel, url)
    secret = ""
    with transaction.atomic():
        row, _ = NotificationPreference.objects.select_for_update().get_or_create(user=user)
        if channel == Channel.WEBHOOK and (row.channel, row.url) != (channel, url):
            secret = secrets.token_urlsafe(32)
            row.secret = secret
        row.channel, row.url = channel, url if channel == Channel.WEBHOOK else ""
        row.secret = row.secret if channel == Channel.WEBHOOK else None
        row.save()
        journal.append(
            stream=f"user:{user.pk}", kind=Kind.USER_CHANGED, actor=actor, now=now, subject=("user", user.pk),
            data={"notifications": channel.value},
        )  # fmt: skip
    return row, secret


def _check(user: User, channel: Channel, url: str) -> None:
    if channel == Channel.MAIL and not settings.MAIL_ENABLED:
        raise WrongChannel("No mail server is set here.", hint="An operator sets RUNBOOKPILOT_EMAIL_URL.")
    if channel == Channel.MAIL and not user.email:
        raise WrongChannel("You have no mail address.", hint="An administrator adds it.")
    if channel != Channel.WEBHOOK:
        return
    try:
        URLValidator(schemes=["https", "http"])(url)
    except ValidationError as error:
        raise WrongChannel("A webhook needs an address.", fields={"url": "such as https://chat.example.org/hook"}) from error
