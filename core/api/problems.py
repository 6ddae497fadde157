"""Errors as problem documents (RFC 9457): a code, a sentence that helps, and field errors."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response

from core import tracing
from core.errors import DomainError

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
#: PostgreSQL's code for transactions that wait for each other.
DEADLOCK = "40P01"
AT_ONCE = "0"


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the problem document for `error`, or None for one that nobody anticipated."""
    if isinstance(error, DomainError):
        return of(error)
    if isinstance(error, Http404):
        return problem(404, "not_found", "There is no such thing, or not for you.")
    if isinstance(error, PermissionDenied):
        return problem(403, "forbidden", str(error) or "You may not do this.")
    if isinstance(error, exceptions.APIException):
        return _from_framework(error)
    if isinstance(error, OperationalError | InterfaceError):
        return without_database(error)
    return None


def of(error: DomainError) -> Response:
    """Return a response with the problem document of one of our own errors."""
    return problem(error.http_status, error.code, error.detail, hint=error.hint, fields=error.fields)


def problem(status_code: int, code: str, detail: str, *, hint: str = "", fields: object = None) -> Response:
    """Return a response with a problem document."""
    response = Response(document(status_code, code, detail, hint=hint, fields=fields), status=status_code)
    response.content_type = MEDIA_TYPE
    return response


def document(status_code: int, code: str, detail: str, *, hint: str = "", fields: object = None) -> dict[str, Any]:
    """Return the body of a problem document."""
    body: dict[str, Any] = {
        "type": f"about:blank#{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status_code,
        "code": code,
        "detail": detail,
        "trace_id": tracing.current(),
    }
    if hint:
        body["hint"] = hint
    if fields:
        body["fields"] = fields
    return body


def without_database(error: Exception) -> Response:
    """Return a response for a database that does not answer."""
    log.error("database_unavailable", error=type(error).__name__, exc_info=True)
    response = problem(
        503, "unavailable", "The database does not answer at the moment.",
        hint="Try again. With the same Idempotency-Key nothing happens twice.",
    )  # fmt: skip
    # Where two transactions waited for each other in a circle, the other has gone on, and this one may begin anew.
    response["Retry-After"] = AT_ONCE if getattr(error.__cause__, "sqlstate", "") == DEADLOCK else "5"
    return response


def _from_framework(error: exceptions.APIException) -> Response:
    code = error.default_code
    if isinstance(error, exceptions.ValidationError):
        return problem(400, "invalid", "Some fields are not valid.", fields=error.detail)
    response = problem(error.status_code, code, str(error.detail))
    wait = getattr(error, "wait", None)
    if wait:
        response["Retry-After"] = str(int(wait) + 1)
    header = getattr(error, "auth_header", None)
    if header and error.status_code == status.HTTP_401_UNAUTHORIZED:
        response["WWW-Authenticate"] = header
    return response
