"""The audit trail: what happened, in order, for certain?"""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.choices import Permission
from accounts.models import Tenant
from audit import journal
from audit.choices import Kind
from audit.selectors import entries
from audit.services import verify
from core import clock
from runbookpilot.console import frame

PAGE = 50


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Entries of the tenants that the user may audit, newest first."""
    user = frame.person(request)
    rows = entries.queryset()
    if not user.is_superuser:
        rows = rows.filter(tenant_id__in=Tenant.objects.permitting(user, Permission.VIEW_EVIDENCE).values("pk"))
    stream = request.GET.get("stream", "")[:100]
    actor = request.GET.get("actor", "")[:150]
    rows = rows.filter(stream=stream) if stream else rows
    rows = rows.filter(actor_name=actor) if actor else rows
    page = Paginator(rows.order_by("-id"), PAGE).get_page(request.GET.get("page"))
    context = {"page_obj": page, "entries": [entries.view(row) for row in page.object_list], "stream": stream, "actor": actor}
    return frame.page(request, "audit.html", {**context, "query": f"stream={stream}&actor={actor}"}, title="Audit")


@require_POST
def verify_all(request: HttpRequest) -> HttpResponse:
    """Verify the whole trail, and record that it was."""
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
