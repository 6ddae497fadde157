"""Coverage and bundles: are we covered, and can I prove it?"""

import datetime as dt
import uuid
from collections import Counter
from typing import Any

from django.contrib import messages
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.choices import Permission
from accounts.selectors import access
from approvals.models import Request
from audit.choices import Kind
from audit.selectors import entries, signed
from compliance.choices import BundleStatus, CoverageState
from compliance.models import Artifact, EvidenceBundle, Framework
from compliance.selectors import coverage as coverages
from compliance.services import bundles as service
from compliance.services import verify as verifying
from core import clock
from core.errors import DomainError
from runbookpilot.console import frame, places

PAGE = 25
FINDINGS = "console_findings"
TONES = {"covered": "green", "failing": "red", "uncovered": "amber", "stale": "yellow"}
#: What mends a gap: words, and whether that is another run of what serves the control.
MENDS = {
    CoverageState.FAILING: ("Run it again", True),
    CoverageState.STALE: ("Run it again", True),
    CoverageState.UNCOVERED: ("Map a playbook", False),
    CoverageState.COVERED: ("Run it before that", True),
}


@require_safe
def coverage(request: HttpRequest) -> HttpResponse:
    """How each control of a framework stands at a moment, the gaps first."""
    frameworks = list(frame.rows(request, Framework.objects, Permission.VIEW_EVIDENCE, environment="").select_related("tenant").order_by("name"))
    wanted = request.GET.get("framework", "")
    chosen = next((row for row in frameworks if str(row.pk) == wanted), frameworks[0] if frameworks else None)
    as_of, day = _as_of(request)
    rows = coverages.coverage(chosen.tenant_id, chosen, as_of) if chosen else []
    state, family = request.GET.get("state", ""), request.GET.get("family", "")
    narrowed = [row for row in rows if (not state or row.state == state) and (not family or row.control.family == family)]
    gaps = [_gap(row) for row in coverages.gaps(narrowed)[:100]]
    counts = Counter(str(row.state) for row in rows)
    context: dict[str, Any] = {
        "frameworks": frameworks,
        "framework": chosen,
        "day": day,
        "families": _families(rows),
        "counts": sorted(counts.items()),
        "figures": _figures(rows, counts),
        "total": len(rows),
        "gaps": gaps,
        "proved": [row for row in narrowed if row.newest is not None][:100],
        "rows": narrowed[:300] if state or family else [],
        "state": state,
        "broken": CoverageState.FAILING if counts[CoverageState.FAILING] else CoverageState.STALE,
        "family": family,
        "reads": places.here(request).may(Permission.VIEW_RECORDS),
        "manages": places.here(request).may(Permission.MANAGE_COMPLIANCE),
    }
    return frame.page(request, "coverage.html", context, title="Coverage", crumbs=["Compliance=coverage"])


@require_safe
def bundles(request: HttpRequest) -> HttpResponse:
    """What is sealed, what was verified, and what can be taken away; the newest first."""
    base = frame.rows(request, EvidenceBundle.objects, Permission.VIEW_EVIDENCE)
    counts = dict(base.order_by().values_list("status").annotate(count=Count("pk")))
    status = request.GET.get("status", "")
    status = status if status in BundleStatus.values else ""
    rows = base.filter(status=status) if status else base
    artifacts = Artifact.objects.filter(bundle=OuterRef("pk")).order_by().values("bundle").annotate(count=Count("pk")).values("count")
    rows = rows.select_related("environment").prefetch_related("controls").defer("files", "envelope")
    rows = rows.annotate(count=Coalesce(Subquery(artifacts), 0))
    total = counts.get(status, 0) if status else sum(counts.values())
    page = frame.Counted(rows.order_by("-id"), PAGE, total).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    verified = _verifications(shown)
    context = {
        "page_obj": page,
        "bundles": [(row, verified.get(f"bundle:{row.pk}")) for row in shown],
        "figures": _standing(request, counts),
        "status": status,
        "total": sum(counts.values()),
        "statuses": [(word, label.lower(), counts.get(word, 0)) for word, label in BundleStatus.choices],
    }
    return frame.page(request, "bundles.html", context, title="Bundles", crumbs=["Compliance=coverage"])


def _verifications(shown: list[EvidenceBundle]) -> dict[str, entries.EntryView]:
    """Return the last verification of each bundle, by its stream."""
    streams = [f"bundle:{row.pk}" for row in shown if row.sealed_at]
    found = entries.queryset().filter(stream__in=streams, kind=Kind.BUNDLE_VERIFIED).order_by("id") if streams else []
    return {row.stream: entries.view(row) for row in found}


def _standing(request: HttpRequest, counts: dict[str, int]) -> dict[str, Any]:
    """Return what an auditor asks first: what is sealed, what of it was verified, whether the trail holds, who signs it."""
    tenants = {spot.tenant_id for spot in places.here(request).chosen}
    checked = entries.queryset().filter(kind=Kind.BUNDLE_VERIFIED, tenant_id__in=tenants).aggregate(count=Count("stream", distinct=True))
    trail = entries.queryset().filter(stream="deployment", kind=Kind.AUDIT_VERIFIED).order_by("-seq").first()
    sealed = sum(count for status, count in counts.items() if status != BundleStatus.OPEN)
    return {
        "sealed": sealed,
        "open": counts.get(BundleStatus.OPEN, 0),
        "unverified": max(0, sealed - checked["count"]),
        "verified": checked["count"],
        "trail": entries.view(trail) if trail else None,
        "checkpoint": signed.latest(),
    }


@require_safe
def bundle(request: HttpRequest, bundle_id: uuid.UUID) -> HttpResponse:
    """Can I prove it? One bundle with its verdict, its artifacts, and who decided what."""
    row: EvidenceBundle = _bundle(request, bundle_id)
    stream = entries.of_stream(f"bundle:{row.pk}")
    artifacts = list(row.artifacts.order_by("kind", "id")[:500])
    decided = Request.objects.filter(tenant=row.tenant_id, stream=f"execution:{row.execution_id}") if row.execution_id else Request.objects.none()
    found = {} if frame.is_live(request) else request.session.pop(FINDINGS, {})
    context = {
        "bundle": row,
        "verified": next((entry for entry in reversed(stream) if entry.kind == Kind.BUNDLE_VERIFIED), None),
        "sealed": next((entry for entry in reversed(stream) if entry.kind == Kind.BUNDLE_SEALED), None),
        "findings": found.get(str(row.pk)),
        "artifacts": artifacts,
        "kinds": sorted(Counter(artifact.get_kind_display() for artifact in artifacts).items()),
        "controls": row.controls.select_related("framework").order_by("framework", "position"),
        "requests": decided.prefetch_related("decisions").order_by("id"),
        "reads": places.here(request).may(Permission.VIEW_RECORDS, row.tenant_id),
        "manages": access.may(frame.person(request), Permission.MANAGE_COMPLIANCE, row.tenant_id),
        "size": sum(file["size"] for file in row.files),
        "command": f"python verify.py evidence-{row.pk}.zip --key KEY",
        "entries": stream,
        "newer": EvidenceBundle.objects.filter(supersedes=row).first(),
    }
    return frame.page(request, "bundle.html", context, title=row.title, crumbs=["Compliance=coverage", "Bundles=bundles"])


@require_POST
def pack(request: HttpRequest, bundle_id: uuid.UUID) -> HttpResponse | StreamingHttpResponse:
    """Download the pack of a sealed bundle."""
    row = _bundle(request, bundle_id)
    try:
        found = service.export(bundle_id=row.pk, actor=frame.person(request).actor(), now=clock.now())
    except DomainError as error:
        frame.tell(request, error)
        return redirect("admin:bundle", bundle_id)
    response = StreamingHttpResponse(found.chunks, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{found.filename}"'
    response["Content-Length"] = str(found.size)
    return response


@require_POST
def verify(request: HttpRequest, bundle_id: uuid.UUID) -> HttpResponse:
    """Verify a sealed bundle in place."""
    row = _bundle(request, bundle_id)
    try:
        found = verifying.verify(bundle=row, actor=frame.person(request).actor(), now=clock.now())
    except DomainError as error:
        frame.tell(request, error)
    else:
        request.session[FINDINGS] = {str(row.pk): {"findings": found.findings[:50], "checked": found.checked}}
    return redirect("admin:bundle", bundle_id)


@require_POST
def seal(request: HttpRequest, bundle_id: uuid.UUID) -> HttpResponse:
    """Seal an open bundle, which never changes again."""
    row = _bundle(request, bundle_id)
    try:
        access.require(frame.person(request), Permission.MANAGE_COMPLIANCE, row.tenant_id)
        service.seal(bundle_id=row.pk, actor=frame.person(request).actor(), now=clock.now())
        messages.success(request, "Sealed and signed.")
    except DomainError as error:
        frame.tell(request, error)
    return redirect("admin:bundle", bundle_id)


def _bundle(request: HttpRequest, bundle_id: uuid.UUID) -> EvidenceBundle:
    frame.require(request, Permission.VIEW_EVIDENCE)
    rows = EvidenceBundle.objects.visible_to(frame.person(request), Permission.VIEW_EVIDENCE).select_related("tenant", "environment", "execution")
    row: EvidenceBundle = frame.visible_in(rows, bundle_id)
    return row


def _gap(row: coverages.Coverage) -> dict[str, Any]:
    """Return a gap with the one thing that mends it; a control whose workflow has proved nothing needs a run, not a mapping."""
    words, runs = ("Run it", True) if row.state == CoverageState.UNCOVERED and row.playbooks else MENDS[row.state]
    return {"row": row, "words": words, "playbook": row.playbooks[0] if runs and row.playbooks else ""}


def _figures(rows: list[coverages.Coverage], counts: Counter[str]) -> dict[str, Any]:
    """Return the answer in four numbers: proved, broken, about to break, never proved."""
    asked = len(rows) - counts[CoverageState.NOT_APPLICABLE]
    soon = sorted((row for row in rows if row.stale_soon and row.valid_until), key=lambda row: str(row.valid_until))
    return {
        "asked": asked,
        "covered": counts[CoverageState.COVERED],
        "share": round(100 * counts[CoverageState.COVERED] / asked) if asked else 0,
        "broken": counts[CoverageState.FAILING] + counts[CoverageState.STALE],
        "failing": counts[CoverageState.FAILING],
        "stale": counts[CoverageState.STALE],
        "soon": len(soon),
        "next": soon[0] if soon else None,
        "uncovered": counts[CoverageState.UNCOVERED],
        "idle": sum(row.state == CoverageState.UNCOVERED and bool(row.playbooks) for row in rows),
    }


def _families(rows: list[coverages.Coverage]) -> list[dict[str, Any]]:
    """Return the cells of the heat map: a family, its counts by state, and each count's share."""
    found = []
    for family, counts in sorted(coverages.by_family(rows).items()):
        total = sum(counts.values())
        mix = [(TONES.get(state, "grey"), round(100 * count / total)) for state, count in sorted(counts.items())]
        found.append({"name": family, "counts": sorted(counts.items()), "total": total, "mix": mix})
    return found


def _as_of(request: HttpRequest) -> tuple[dt.datetime, str]:
    """Return the end of the day that is asked for, at most now, and that day as written."""
    now = clock.now()
    try:
        day = dt.date.fromisoformat(request.GET.get("as_of", ""))
    except ValueError:
        return now, ""
    return min(now, dt.datetime.combine(day, dt.time.max, dt.UTC)), day.isoformat()
