"""API tokens: made, found by their hash, revoked."""

import datetime as dt
import secrets
from collections.abc import Sequence

from django.db import transaction

from accounts.models import ApiToken, User
from audit import journal
from audit.choices import Kind
from core import canonical
from core.actors import Actor
from core.reads import Read

PREFIX = "rbp_"


def create(
    *, user: User, name: str, actor: Actor, now: dt.datetime, expires_at: dt.datetime | None = None, scopes: Sequence[str] = ()
) -> tuple[ApiToken, str]:
    """Return a new token's row and its text, which is shown this once and never stored."""
    text = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            prefix=text[:8],
            digest=_digest(text),
            scopes=list(scopes),
            created_at=now,
            expires_at=expires_at,
        )
        journal.append(
            stream=f"user:{user.pk}",
            kind=Kind.TOKEN_CREATED,
            actor=actor,
            now=now,
            subject=("token", token.id),
            refs=[("user", user.pk)],
            data={"name": name, "expires_at": expires_at, "scopes": list(scopes)},
        )
    return token, text


def find(text: str, *, now: dt.datetime) -> ApiToken | None:
    """Return the valid token with this text, its owner loaded."""
    token = _VALID.first(digest=_digest(text))
    return None if token is None or (token.expires_at and token.expires_at <= now) else token


_VALID = Read(
    lambda digest: ApiToken.objects.select_related("user").filter(digest=digest, revoked_at=None, user__is_active=True)
)


def revoke(*, token: ApiToken, actor: Actor, now: dt.datetime) -> None:
    """Make a token worthless from now on."""
    with transaction.atomic():
        if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now):
            journal.append(
                stream=f"user:{token.user_id}",
                kind=Kind.TOKEN_REVOKED,
                actor=actor,
                now=now,
                subject=("token", token.id),
                refs=[("user", token.user_id)],
            )


def _digest(text: str) -> str:
    return canonical.sha256(text.encode(errors="replace"))
