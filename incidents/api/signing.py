"""Alerts signed by a program instead of sent with a token: `X-RunbookPilot-Source`, `-Timestamp` and `-Signature`."""

import dataclasses
from typing import Any

from django.conf import settings
from django.http.request import RawPostDataException
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from core import clock
from core.errors import TooLarge
from incidents.models import AlertSource
from incidents.services import sources


@dataclasses.dataclass(frozen=True, slots=True)
class SignedSender:
    """A program that signed its request. It is nobody's user: it may hand in alerts and nothing else."""

    source: AlertSource
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    @property
    def pk(self) -> str:
        """What its rate is counted under."""
        return f"alert-source:{self.source.pk}"


class SignatureAuthentication(BaseAuthentication):
    """Verifies the signature over the bytes of the body, before anything reads them as more than bytes."""

    def authenticate(self, request: Request) -> tuple[SignedSender, AlertSource] | None:
        if sources.SIGNATURE_HEADER not in request.headers and sources.SOURCE_HEADER not in request.headers:
            return None
        headers = {name: value for name, value in request.headers.items() if name.lower().startswith("x-runbookpilot-")}
        source = sources.verify_signature(headers=headers, body=_body(request), now=clock.now())
        return SignedSender(source), source

    def authenticate_header(self, request: Request) -> str:
        return "Signature"


def _body(request: Request) -> bytes:
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        length = 0
    if length > settings.BATCH_MAX_BYTES:
        raise TooLarge(f"The body is larger than {settings.BATCH_MAX_BYTES} bytes: send it in parts.")
    try:
        return bytes(request._request.body)
    except RawPostDataException as error:
        raise sources.NotSigned("The body was read before its signature was verified.") from error


class SignatureScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the signature is described in the API's schema."""

    target_class = SignatureAuthentication
    name = "signature"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the security scheme."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": sources.SIGNATURE_HEADER,
            "description": (
                f"v1=hex(hmac_sha256(secret, timestamp + '.' + body)), with {sources.SOURCE_HEADER} and "
                f"{sources.TIMESTAMP_HEADER}, at most 5 minutes from now; each signature is accepted once."
            ),
        }
