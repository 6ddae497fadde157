"""`Idempotency-Key`: a POST that is sent twice is done once, and answered the same."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from accounts.models import IdempotencyKey
from core.api import problems

HEADER = "Idempotency-Key"
LONGEST = 255


def once(view: APIView, dispatch: Callable[..., Any], request: HttpRequest, key: str, args: Any, kwargs: Any) -> Any:
    """Dispatch a POST under its key: the first time for real, then from memory; 409 while the first is under way."""
    user = _owner(view, request)
    if user is None:
        return dispatch(request, *args, **kwargs)
    if not key or len(key) > LONGEST or not key.isprintable():
        return _refuse(400, "invalid_idempotency_key", f"An {HEADER} has 1 to {LONGEST} printable characters.")
    fingerprint = hashlib.sha256(
        b"\n".join([str(request.method).encode(), request.get_full_path().encode(), request.body])
    ).hexdigest()
    try:
        with transaction.atomic():
            row = IdempotencyKey.objects.create(user=user, key=key, fingerprint=fingerprint)
    except IntegrityError:
        return _repeated(IdempotencyKey.objects.get(user=user, key=key), fingerprint)
    response = dispatch(request, *args, **kwargs)
    _remember(row, response)
    return response


def _authenticators() -> Any:
    return api_settings.DEFAULT_AUTHENTICATION_CLASSES


def _owner(view: APIView, request: HttpRequest) -> Any:
    for authenticator in _authenticators():
        try:
            found = authenticator().authenticate(view.initialize_request(request))
        except Exception:  # noqa: BLE001
            # The dispatch that follows authenticates anew, and answers with the proper problem.
            return None
        if found:
            return found[0]
    return None


def _repeated(row: IdempotencyKey, fingerprint: str) -> HttpResponse:
    if row.fingerprint != fingerprint:
        return _refuse(422, "idempotency_key_reused", f"This {HEADER} was used with another request.")
    if row.status is None:
        return _refuse(409, "in_progress", "The first request with this key is still under way. Ask again in a moment.")
    response = HttpResponse(json.dumps(row.body), status=row.status, content_type="application/json")
    response["Idempotent-Replayed"] = "true"
    return response


def _remember(row: IdempotencyKey, response: Any) -> None:
    if response.status_code >= 500 or response.streaming:
        row.delete()
        return
    response.render()
    row.status, row.body = response.status_code, json.loads(response.content or b"null")
    row.save(update_fields=["status", "body"])


def _refuse(status: int, code: str, detail: str) -> HttpResponse:
    body = problems.document(status, code, detail)
    return HttpResponse(json.dumps(body), status=status, content_type=problems.MEDIA_TYPE)
