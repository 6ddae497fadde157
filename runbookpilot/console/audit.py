"""The audit trail: what happened, in order, for certain?"""

import datetime as dt
import json
import uuid
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.choices import Permission
from audit import journal
from audit.choices import Kind
from audit.journal import chain
from audit.selectors import entries
from audit.services import export, verify
from core import clock
from runbookpilot.console import frame, places, sentences

PAGE = 50
#: Filter -> the column that it narrows.
FILTERS = {"actor": "actor_name", "kind": "kind", "stream": "stream", "subject": "subject_id"}


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Entries of the tenants that are looked at, newest first; older ones from where the page ends."""
    rows = _rows(request)
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
    }
    return frame.page(request, "audit.html", context, title="Audit", crumbs=["System=audit"])


@require_safe
def item(request: HttpRequest, entry_id: uuid.UUID) -> HttpResponse:
    """One entry: its sentence, its canonical form, its hash, and the entries beside it."""
    row = _entry(request, entry_id)
    found = entries.view(row)
    beside = _rows(request).filter(stream=row.stream, seq__in=[row.seq - 1, row.seq + 1])
    by_number = {other.seq: other for other in beside}
    context = {
        "entry": found,
        "sentence": sentences.of(request, [found])[0],
        "canonical": json.dumps(chain.canonical_form(found), indent=2, ensure_ascii=False, sort_keys=True),
        "holds": chain.hash_of(found) == found.hash,
        "before": by_number.get(row.seq - 1),
        "after": by_number.get(row.seq + 1),
        "linked": (by_number[row.seq - 1].hash if row.seq - 1 in by_number else chain.GENESIS) == found.prev_hash,
    }
    return frame.page(request, "audit_entry.html", context, title=f"Entry {found.seq} of {found.stream.partition(':')[0]}", crumbs=["System=audit", "Audit=audit"])


@require_safe
def proof(request: HttpRequest, entry_id: uuid.UUID) -> StreamingHttpResponse:
    """Download the chain that leads to an entry: every entry of its stream up to it, in canonical form with its hash."""
    row = _entry(request, entry_id)
    rows = _rows(request).filter(stream=row.stream, seq__lte=row.seq).order_by("seq")
    with transaction.atomic():
        journal.append(
            stream=f"tenant:{row.tenant_id}" if row.tenant_id else "deployment", kind=Kind.AUDIT_EXPORTED,
            actor=frame.person(request).actor(), now=clock.now(), subject=("entry", row.pk), tenant_id=row.tenant_id,
            data={"stream": row.stream, "until": row.seq},
        )  # fmt: skip
    response = StreamingHttpResponse(export.json_lines(rows.iterator(chunk_size=500)), content_type="application/jsonl")
    response["Content-Disposition"] = f'attachment; filename="entry-{row.pk}.jsonl"'
    return response


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
        messages.success(request, f"{report.entries} entries in {report.streams} streams hold.")
    else:
        messages.error(request, f"{len(report.problems)} problems. {report.first.sentence}")
    return redirect("admin:audit")


def _rows(request: HttpRequest) -> QuerySet[Any]:
    frame.require(request, Permission.VIEW_EVIDENCE)
    place, user = places.here(request), frame.person(request)
    if user.is_superuser and not place.tenant_slug:
        return entries.queryset()
    readable = {spot.tenant_id for spot in place.chosen if place.may(Permission.VIEW_EVIDENCE, spot.tenant_id)}
    return entries.queryset().filter(tenant_id__in=readable)


def _entry(request: HttpRequest, entry_id: uuid.UUID) -> Any:
    return frame.visible_in(_rows(request), entry_id)


def _day(request: HttpRequest, name: str) -> dt.datetime | None:
    try:
        return dt.datetime.combine(dt.date.fromisoformat(request.GET.get(name, "")), dt.time.min, dt.UTC)
    except ValueError:
        return None
