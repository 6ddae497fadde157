"""`Idempotency-Key`: a POST that is sent twice is done once, and answered the same."""

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from accounts.models import IdempotencyKey
from core import clock
from core.api import problems

HEADER = "Idempotency-Key"
LONGEST = 255
#: What else decides what a request does, beside its address and body.
TOLD_BY_HEADER = ("X-RunbookPilot-Tenant", "X-RunbookPilot-Environment", "Content-Type")
#: No request takes longer; one that never answered was cut off.
CUT_OFF = dt.timedelta(minutes=10)


def once(view: APIView, dispatch: Callable[..., Any], request: HttpRequest, key: str, args: Any, kwargs: Any) -> Any:
    """Dispatch a POST under its key: the first time for real, then from memory; 409 while the first is under way.

    Only what succeeded is remembered: a refusal changed nothing, so its key may be used again.
    """
    user = _owner(view, request)
    if user is None:
        return dispatch(request, *args, **kwargs)
    if not key or len(key) > LONGEST or not key.isprintable():
        return _refuse(400, "invalid_idempotency_key", f"An {HEADER} has 1 to {LONGEST} printable characters.")
    fingerprint = _fingerprint(request)
    try:
        with transaction.atomic():
            row = IdempotencyKey.objects.create(user=user, key=key, fingerprint=fingerprint)
    except IntegrityError:
        return _repeated(IdempotencyKey.objects.filter(user=user, key=key).first(), fingerprint)
    try:
        response = dispatch(request, *args, **kwargs)
    except BaseException:
        row.delete()
        raise
    _remember(row, response)
    return response


def _fingerprint(request: HttpRequest) -> str:
    told = [request.headers.get(name, "") for name in TOLD_BY_HEADER]
    head = json.dumps([request.method, request.get_full_path(), told]).encode()
    return hashlib.sha256(head + b"\n" + request.body).hexdigest()


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


def _repeated(row: IdempotencyKey | None, fingerprint: str) -> HttpResponse:
    if row is None:
        return _refuse(409, "in_progress", "The first request with this key was just refused. Send it again.")
    if row.fingerprint != fingerprint:
        return _refuse(422, "idempotency_key_reused", f"This {HEADER} was used with another request.")
    if row.status is None and row.created_at < clock.now() - CUT_OFF:
        return _refuse(409, "cut_off", "The first request with this key was cut off. Look at what it did, then use a new key.")
    if row.status is None:
        return _refuse(409, "in_progress", "The first request with this key is still under way. Ask again in a moment.")
    response = HttpResponse(json.dumps(row.answer), status=row.status, content_type="application/json")
    response["Idempotent-Replayed"] = "true"
    return response


def _remember(row: IdempotencyKey, response: Any) -> None:
    if not 200 <= response.status_code < 300 or response.streaming:
        row.delete()
        return
    response.render()
    row.status, row.answer = response.status_code, json.loads(response.content or b"null")
    row.save(update_fields=["status", "answer"])


def _refuse(status: int, code: str, detail: str) -> HttpResponse:
    body = problems.document(status, code, detail)
    return HttpResponse(json.dumps(body), status=status, content_type=problems.MEDIA_TYPE)
