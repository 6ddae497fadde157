"""Programs that sign what they send."""

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.models import Environment, Tenant
from audit import journal
from audit.choices import Kind
from core import clock
from core.actors import Actor
from core.errors import Conflict, Invalid, Unauthenticated
from incidents.models import AlertSource, UsedSignature

SOURCE_HEADER = "X-RunbookPilot-Source"
TIMESTAMP_HEADER = "X-RunbookPilot-Timestamp"
SIGNATURE_HEADER = "X-RunbookPilot-Signature"
TOLERANCE = dt.timedelta(minutes=5)
_NOBODYS_SECRET = secrets.token_urlsafe(32)


class SourceExists(Conflict):
    """There is an alert source with this name already."""

    code = "source_exists"


class NotSigned(Unauthenticated):
    """The signature is missing or not in the form v1=hex."""

    code = "not_signed"


class WrongSignature(Unauthenticated):
    """The signature does not fit the source, the timestamp and the body."""

    code = "wrong_signature"


class OutOfTime(Unauthenticated):
    """The timestamp is more than 5 minutes from now."""

    code = "out_of_time"


class SignatureUsed(Unauthenticated):
    """This signature was accepted before: sign each request anew."""

    code = "signature_used"


class WrongName(Invalid):
    """The name of a source has letters, digits, - and _, at most 64."""

    code = "wrong_name"


def create(
    *, tenant: Tenant, environment: Environment, name: str, trigger_source: str = "any", actor: Actor, now: dt.datetime
) -> tuple[AlertSource, str]:
    """Return a new source and its secret, which is shown this once; raises SourceExists or WrongName."""
    secret = secrets.token_urlsafe(32)
    row = AlertSource(
        tenant=tenant, environment=environment, name=name, trigger_source=trigger_source[:16], secret=secret, created_at=now
    )
    try:
        row.clean_fields(exclude={"secret"})
    except ValidationError as error:
        raise WrongName(fields=error.message_dict) from error
    if environment.tenant_id != tenant.pk:
        raise WrongName("The environment belongs to another tenant.")
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            journal.append(
                stream=f"tenant:{tenant.pk}",
                kind=Kind.ALERT_SOURCE_CREATED,
                actor=actor,
                now=now,
                subject=("alert_source", row.pk),
                tenant_id=tenant.pk,
                environment=environment.slug,
                data={"name": name, "trigger_source": row.trigger_source},
            )
    except IntegrityError as error:
        raise SourceExists(f"There is an alert source {name!r} already.") from error
    return row, secret


def actor_of(source: AlertSource) -> Actor:
    """Return the actor that a source is."""
    return Actor(kind="service", id=f"alert_source:{source.pk}", name=source.name)


def sign(*, secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of the signature header for `body`."""
    return f"v1={_mac(secret, timestamp, body)}"


def verify_signature(*, headers: Mapping[str, str], body: bytes, now: dt.datetime) -> AlertSource:
    """Return the source that signed `body`; raises Unauthenticated that says what is wrong.

    Whoever has done what was asked for remembers the signature: one that was cut off before may be sent again as it is.
    """
    sent = {name.lower(): value for name, value in headers.items()}
    name = sent.get(SOURCE_HEADER.lower(), "").replace("\x00", "")
    timestamp = sent.get(TIMESTAMP_HEADER.lower(), "")
    version, _, signature = sent.get(SIGNATURE_HEADER.lower(), "").strip().partition("=")
    if not (name and version == "v1" and len(signature) == 64):
        raise NotSigned(hint=f"Send {SOURCE_HEADER}, {TIMESTAMP_HEADER} and {SIGNATURE_HEADER}: v1=hex.")
    source = AlertSource.objects.filter(name=name[:64], enabled=True).select_related("tenant", "environment").first()
    usable = bool(source and source.secret and source.tenant.is_active)
    # An unknown name takes as long as a known one, so that names cannot be found out.
    expected = _mac(str(source.secret) if source and usable else _NOBODYS_SECRET, timestamp, body)
    fits = hmac.compare_digest(expected.encode(), signature.lower().encode("utf-8", "replace"))
    if source is None or not usable or not fits:
        raise WrongSignature
    if abs(now - _moment(timestamp)) > TOLERANCE:
        raise OutOfTime
    if UsedSignature.objects.filter(signature=expected).exists():
        raise SignatureUsed
    return source


def remember(*, headers: Mapping[str, str], now: dt.datetime) -> None:
    """Accept a signature, which was verified, no other time."""
    sent = {name.lower(): value for name, value in headers.items()}
    signature = sent[SIGNATURE_HEADER.lower()].strip().partition("=")[2].lower()
    UsedSignature.objects.filter(at__lt=now - 3 * TOLERANCE).delete()
    UsedSignature.objects.bulk_create([UsedSignature(signature=signature, at=now)], ignore_conflicts=True)


def _mac(secret: str, timestamp: str, body: bytes) -> str:
    message = timestamp.encode("utf-8", "surrogateescape") + b"." + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _moment(timestamp: str) -> dt.datetime:
    """Return the time that seconds since 1970, or an ISO 8601 text, name."""
    try:
        if timestamp.isascii() and timestamp.isdigit():
            return dt.datetime.fromtimestamp(int(timestamp), dt.UTC)
        return clock.parse(timestamp)
    except (ValueError, OverflowError, OSError) as error:
        raise OutOfTime("The timestamp is neither seconds since 1970 nor ISO 8601 with a zone.") from error
