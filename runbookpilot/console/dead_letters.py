"""Dead letters: what gave up, why, and the buttons to send it again or to drop it."""

import uuid
from collections.abc import Collection

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.choices import Permission
from audit.pump import ATTEMPTS
from audit.selectors import deliveries
from audit.services import dead_letters
from core import clock
from core.errors import DomainError
from runbookpilot.console import frame, places

PAGE = 50


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The dead letters of the tenants that are looked at, newest first."""
    rows = deliveries.dead_letters(_tenants(request)).order_by("-dead_at", "-id")
    found = [deliveries.view(row) for row in rows[: PAGE + 1]]
    context = {"rows": found[:PAGE], "more": len(found) > PAGE, "attempts": ATTEMPTS}
    return frame.page(request, "dead_letters.html", context, title="Dead letters", crumbs=["System=audit"])


@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Send one again, or all of them, or drop one for a reason."""
    tenant_ids, person, now = _tenants(request), frame.person(request), clock.now()
    wanted = request.POST.get("act", "")
    try:
        if wanted == "send-all":
            count = dead_letters.send_all(tenant_ids=tenant_ids, actor=person.actor(), now=now)
            messages.success(request, f"Sent again: {count}. One that gives up once more comes back here.")
        elif wanted == "drop":
            dead_letters.drop(
                delivery_id=_id(request), reason=request.POST.get("reason", ""), tenant_ids=tenant_ids, actor=person.actor(), now=now
            )
            messages.warning(request, "Dropped. What it was to do is not done.")
        else:
            dead_letters.send(delivery_id=_id(request), tenant_ids=tenant_ids, actor=person.actor(), now=now)
            messages.success(request, "Sent again. If it gives up once more, it comes back here.")
    except DomainError as error:
        frame.tell(request, error)
    return redirect("admin:dead-letters")


def _tenants(request: HttpRequest) -> Collection[uuid.UUID] | None:
    """Return the tenants whose dead letters are shown; a superuser who looks at all of them sees nobody's too."""
    frame.require(request, Permission.MANAGE_TENANT)
    place = places.here(request)
    if frame.person(request).is_superuser and not place.tenant_slug:
        return None
    return {spot.tenant_id for spot in place.chosen if place.may(Permission.MANAGE_TENANT, spot.tenant_id)}


def _id(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("letter", ""))
    except ValueError as error:
        raise dead_letters.NoSuchDeadLetter(dead_letters.NoSuchDeadLetter.__doc__) from error
