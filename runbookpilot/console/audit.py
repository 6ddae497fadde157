"""The audit trail: what happened, in order, for certain?"""

import datetime as dt
import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.choices import Permission
from audit import journal
from audit.choices import Kind
from audit.selectors import entries, signed
from audit.services import verify
from core import clock
from core.plurals import counted
from runbookpilot.console import frame, places, sentences

PAGE = 50
#: Filter -> the column that it narrows.
FILTERS = {"actor": "actor_name", "kind": "kind", "stream": "stream", "subject": "subject_id"}


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Entries of the tenants that are looked at, newest first; older ones from where the page ends."""
    rows = rows_of(request)
    chosen = {name: request.GET.get(name, "").strip()[:150] for name in FILTERS}
    for name, column in FILTERS.items():
        rows = rows.filter(**{column: chosen[name]}) if chosen[name] else rows
    since, until = _day(request, "since"), _day(request, "until")
    rows = rows.filter(at__gte=since) if since else rows
    rows = rows.filter(at__lt=until + dt.timedelta(days=1)) if until else rows
    try:
        before = uuid.UUID(request.GET.get("before", ""))
    except ValueError:
        before = None
    rows = rows.filter(id__lt=before) if before else rows
    found = [entries.view(row) for row in rows.order_by("-id")[: PAGE + 1]]
    checked = entries.queryset().filter(stream="deployment", kind=Kind.AUDIT_VERIFIED).order_by("-seq").first()
    context = {
        "rows": sentences.of(request, found[:PAGE]),
        "older": found[PAGE - 1].id if len(found) > PAGE else None,
        "before": before,
        "chosen": chosen,
        "since": request.GET.get("since", ""),
        "until": request.GET.get("until", ""),
        "filtered": any(chosen.values()) or since or until,
        "kinds": Kind.choices,
        "checked": entries.view(checked) if checked else None,
        "checkpoint": signed.latest(),
    }
    return frame.page(request, "audit.html", context, title="Audit", crumbs=["System=audit"])


@require_POST
def verify_all(request: HttpRequest) -> HttpResponse:
    """Verify the whole trail, and record that it was."""
    frame.require(request, Permission.VIEW_EVIDENCE)
    report, user = verify.run(), frame.person(request)
    with transaction.atomic():
        journal.append(
            stream="deployment", kind=Kind.AUDIT_VERIFIED, actor=user.actor(), now=clock.now(), subject=("audit", "trail"),
            data={"ok": report.ok, "entries": report.entries, "problems": len(report.problems)},
        )  # fmt: skip
    if report.first is None:
        messages.success(request, f"{counted(report.entries, 'entry', 'entries')} in {counted(report.streams, 'stream')} hold{'s' if report.entries == 1 else ''}.")
    else:
        messages.error(request, f"{counted(len(report.problems), 'problem')}. {report.first.sentence}")
    return redirect("admin:audit")


def rows_of(request: HttpRequest) -> QuerySet[Any]:
    """Return the entries of the tenants that are looked at, where the user may read them."""
    frame.require(request, Permission.VIEW_EVIDENCE)
    place, user = places.here(request), frame.person(request)
    if user.is_superuser and not place.tenant_slug:
        return entries.queryset()
    readable = {spot.tenant_id for spot in place.chosen if place.may(Permission.VIEW_EVIDENCE, spot.tenant_id)}
    return entries.queryset().filter(tenant_id__in=readable)


def _day(request: HttpRequest, name: str) -> dt.datetime | None:
    try:
        return dt.datetime.combine(dt.date.fromisoformat(request.GET.get(name, "")), dt.time.min, dt.UTC)
    except ValueError:
        return None
