"""`Idempotency-Key`: a POST that is sent twice is done once, and answered the same."""

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from accounts.models import IdempotencyKey
from core.api import problems

HEADER = "Idempotency-Key"
LONGEST = 255
#: What else decides what a request does, beside its address and body.
TOLD_BY_HEADER = ("X-RunbookPilot-Tenant", "X-RunbookPilot-Environment", "Content-Type")


def once(view: Any, dispatch: Callable[..., Any], request: HttpRequest, key: str, args: Any, kwargs: Any) -> Any:
    """Dispatch a POST under its key: the first time for real, then from memory; meanwhile the second waits for the first.

    The key and what is done under it are one transaction: cut off anywhere, neither is there, and the key may be sent again.
    Only what succeeded is remembered: a refusal changed nothing, so its key may be used again.
    """
    user = _owner(view, request)
    if user is None:
        return dispatch(request, *args, **kwargs)
    if not key or len(key) > LONGEST or not key.isprintable():
        return _refuse(400, "invalid_idempotency_key", f"An {HEADER} has 1 to {LONGEST} printable characters.")
    row = IdempotencyKey(user=user, key=key, fingerprint=_fingerprint(request))
    do = functools.partial(dispatch, request, *args, **kwargs)
    try:
        if view.action_map["post"] in view.checks:
            return _checked(row, do)
        response = _done(row, do)
        return _done(row, do) if response.headers.get("Retry-After") == problems.AT_ONCE else response
    except (OperationalError, InterfaceError) as error:
        # Where the commit itself was cut off, the same key finds out whether it arrived.
        return _as_json(problems.without_database(error))


def _done(row: IdempotencyKey, do: Callable[[], Any]) -> Any:
    with transaction.atomic():
        if not _inserted(row):
            return _repeated(row)
        response = do()
        if response.status_code >= 500:
            transaction.set_rollback(True)
        elif _is_kept(response):
            _fill(row, response)
            row.save(update_fields=["status", "answer"])
        else:
            row.delete()
        return response


def _checked(row: IdempotencyKey, do: Callable[[], Any]) -> Any:
    """What only looks may look twice, and takes too long for a transaction, which on SQLite keeps all others from writing."""
    if _first(row) is not None:
        return _repeated(row)
    response = do()
    if _is_kept(response):
        _fill(row, response)
        if not _inserted(row):
            return _repeated(row)
    return response


def _inserted(row: IdempotencyKey) -> bool:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return False
    return True


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


def _first(row: IdempotencyKey) -> IdempotencyKey | None:
    return IdempotencyKey.objects.filter(user=row.user, key=row.key).first()


def _repeated(row: IdempotencyKey) -> HttpResponse:
    first = _first(row)
    if first is None:
        return _refuse(409, "key_forgotten", f"The time of this {HEADER} ended at this moment. Look at what it did, then use a new key.")
    if first.fingerprint != row.fingerprint:
        return _refuse(422, "idempotency_key_reused", f"This {HEADER} was used with another request.")
    if first.status is None:
        # Versions before this one committed the key first: what that request did, nobody knows.
        return _refuse(409, "cut_off", "The first request with this key was cut off. Look at what it did, then use a new key.")
    response = HttpResponse(json.dumps(first.answer), status=first.status, content_type="application/json")
    response["Idempotent-Replayed"] = "true"
    return response


def _is_kept(response: Any) -> bool:
    return 200 <= response.status_code < 300 and not response.streaming


def _fill(row: IdempotencyKey, response: Any) -> None:
    response.render()
    row.status, row.answer = response.status_code, json.loads(response.content or b"null")


def _refuse(status: int, code: str, detail: str) -> HttpResponse:
    return _as_json(problems.problem(status, code, detail))


def _as_json(found: Any) -> HttpResponse:
    """Return a problem as the framework would, which is not asked here."""
    return HttpResponse(json.dumps(found.data), status=found.status_code, headers={**found.headers, "Content-Type": problems.MEDIA_TYPE})
