"""Coverage and bundles: are we covered, and can I prove it?"""

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.choices import Permission
from compliance.models import EvidenceBundle, Framework
from compliance.selectors import coverage as coverages
from compliance.services import bundles as service
from compliance.services import verify as verifying
from core import clock
from core.errors import DomainError
from runbookpilot.console import frame

PAGE = 25


@require_safe
def coverage(request: HttpRequest) -> HttpResponse:
    """How each control of a framework stands now, the gaps first."""
    frameworks = list(
        Framework.objects.visible_to(frame.person(request), Permission.VIEW_EVIDENCE).select_related("tenant").order_by("name")
    )
    chosen = next(
        (row for row in frameworks if str(row.pk) == request.GET.get("framework")), frameworks[0] if frameworks else None
    )
    rows = coverages.coverage(chosen.tenant_id, chosen, clock.now()) if chosen else []
    context: dict[str, Any] = {
        "frameworks": frameworks,
        "framework": chosen,
        "families": sorted(coverages.by_family(rows).items()),
        "gaps": coverages.gaps(rows)[:100],
        "covered": [row for row in rows if row.newest is not None],
        "total": len(rows),
    }
    return frame.page(request, "coverage.html", context, title="Coverage")


@require_safe
def bundles(request: HttpRequest) -> HttpResponse:
    """Evidence bundles, newest first."""
    rows = EvidenceBundle.objects.visible_to(frame.person(request), Permission.VIEW_EVIDENCE)
    rows = rows.select_related("environment").annotate(count=Count("artifacts"))
    context = {"page_obj": Paginator(rows.order_by("-id"), PAGE).get_page(request.GET.get("page"))}
    return frame.page(request, "bundles.html", context, title="Bundles")


@require_safe
def bundle(request: HttpRequest, bundle_id: uuid.UUID) -> HttpResponse:
    """Can I prove it? One bundle with its artifacts."""
    row: EvidenceBundle = _bundle(request, bundle_id)
    context = {
        "bundle": row,
        "artifacts": row.artifacts.order_by("kind", "id"),
        "controls": row.controls.select_related("framework").order_by("framework", "position"),
        "tenant": row.tenant,
    }
    return frame.page(request, "bundle.html", context, title=row.title)


@require_POST
def pack(request: HttpRequest, bundle_id: uuid.UUID) -> HttpResponse | StreamingHttpResponse:
    """Download the pack of a sealed bundle."""
    row = _bundle(request, bundle_id)
    try:
        found = service.export(bundle_id=row.pk, actor=frame.person(request).actor(), now=clock.now())
    except DomainError as error:
        messages.error(request, error.sentence)
        return redirect("admin:bundle", bundle_id)
    response = StreamingHttpResponse(found.chunks, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="evidence-{row.pk}.zip"'
    return response


@require_POST
def verify(request: HttpRequest, bundle_id: uuid.UUID) -> HttpResponse:
    """Verify a sealed bundle in place."""
    row = _bundle(request, bundle_id)
    try:
        found = verifying.verify(bundle=row, actor=frame.person(request).actor(), now=clock.now())
        tell = messages.success if found.verdict == "VERIFIED" else messages.error
        tell(request, f"{found.verdict}: {len(found.findings)} findings.")
    except DomainError as error:
        messages.error(request, error.sentence)
    return redirect("admin:bundle", bundle_id)


def _bundle(request: HttpRequest, bundle_id: uuid.UUID) -> EvidenceBundle:
    rows = EvidenceBundle.objects.visible_to(frame.person(request), Permission.VIEW_EVIDENCE).select_related(
        "tenant", "environment"
    )
    row: EvidenceBundle = frame.visible_in(rows, bundle_id)
    return row
