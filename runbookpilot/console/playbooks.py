"""The list of playbooks and the page of one: may I trust it, and what did it do?"""

import uuid

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from accounts.choices import Permission
from accounts.selectors import access
from core import clock
from core.errors import DomainError
from playbooks_app.models import Execution, Playbook, PlaybookVersion
from playbooks_app.services import playbooks as service
from runbookpilot.console import frame


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The library by name."""
    rows = Playbook.objects.visible_to(frame.person(request)).select_related(
        "active_version", "active_version__activated_by", "tenant"
    )
    context = {"playbooks": rows.annotate(versions_count=Count("versions")).order_by("name")}
    return frame.page(request, "playbooks.html", context, title="Playbooks")


@require_safe
def item(request: HttpRequest, playbook_id: uuid.UUID) -> HttpResponse:
    """One playbook: text, versions with differences, runs."""
    rows = Playbook.objects.visible_to(frame.person(request)).select_related("active_version", "tenant")
    row: Playbook = frame.visible_in(rows, playbook_id)
    versions = list(row.versions.select_related("imported_by", "activated_by", "submitted_by").order_by("-id"))
    shown = _chosen(versions, request.GET.get("version")) or row.active_version or (versions[0] if versions else None)
    other = _chosen(versions, request.GET.get("against"))
    runs = Execution.objects.filter(version__playbook=row)
    context = {
        "playbook": row,
        "versions": versions,
        "shown": shown,
        "other": other,
        "diff": service.diff(version_a=other, version_b=shown) if other and shown else [],
        "runs": runs.select_related("version__playbook").order_by("-id")[:10],
        "by_status": runs.order_by().values("status").annotate(count=Count("pk")).order_by("-count"),
        "may_activate": access.may(frame.person(request), Permission.ACTIVATE_PLAYBOOKS, row.tenant_id),
        "may_start": row.active_version_id and access.may(frame.person(request), Permission.WORK_EXECUTIONS, row.tenant_id),
        "tenant": row.tenant,
    }
    return frame.page(request, "playbook.html", context, title=row.name)


@require_POST
def act(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    """Submit, activate or retire a version."""
    version: PlaybookVersion = frame.visible(request, PlaybookVersion.objects, version_id)
    name = request.POST.get("act", "")
    verbs = {"submit": service.submit, "activate": service.activate, "retire": service.retire}
    try:
        access.require(frame.person(request), Permission.ACTIVATE_PLAYBOOKS, version.tenant_id)
        if name in verbs:
            verbs[name](version=version, actor=frame.person(request).actor(), now=clock.now())
            messages.success(request, f"{version}: {name} done.")
    except DomainError as error:
        messages.error(request, error.sentence)
    return redirect("admin:playbook", version.playbook_id)


def _chosen(versions: list[PlaybookVersion], number: str | None) -> PlaybookVersion | None:
    return next((version for version in versions if version.number == number), None)
