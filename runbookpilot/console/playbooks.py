"""The list of playbooks and the page of one: may I trust it, and what did it do?"""

import statistics
import uuid
from typing import Any

from django.contrib import messages
from django.db.models import Avg, Count, ExpressionWrapper, F, FloatField, OuterRef, Q, Subquery
from django.db.models import DurationField as Span
from django.db.models.functions import NullIf
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.choices import Permission
from accounts.selectors import access
from compliance.models import Mapping
from core import clock
from core.errors import DomainError
from playbooks_app.choices import FINAL_EXECUTION, ExecutionStatus, VersionStatus
from playbooks_app.models import Execution, Playbook, PlaybookVersion, StepRun
from playbooks_app.selectors import library
from playbooks_app.services import playbooks as service
from runbookpilot.console import frame, trees

RUNS = 200
TABS = ("text", "versions", "runs", "triggers", "controls")
VERBS = {
    "submit": (service.submit, Permission.EDIT_PLAYBOOKS, "is up for review: another person activates it"),
    "activate": (service.activate, Permission.ACTIVATE_PLAYBOOKS, "is active from now on"),
    "retire": (service.retire, Permission.ACTIVATE_PLAYBOOKS, "is retired: nothing starts it any more"),
}


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The library by name, or what in it matches `q`: words, tags, techniques by id or name."""
    text = request.GET.get("q", "")[:200]
    rows = library.search(frame.rows(request, Playbook.objects, environment=""), text)
    rows = rows.select_related("active_version__activated_by", "tenant").defer("active_version__source", "active_version__document")
    runs = Execution.objects.filter(version__playbook=OuterRef("pk")).order_by().values("version__playbook")
    counted = runs.annotate(count=Count("pk")).values("count")
    passed = runs.annotate(
        share=ExpressionWrapper(
            100.0 * Count("pk", filter=Q(status=ExecutionStatus.COMPLETED)) / NullIf(Count("pk", filter=Q(status__in=FINAL_EXECUTION)), 0),
            output_field=FloatField(),
        )
    ).values("share")
    review = PlaybookVersion.objects.filter(playbook=OuterRef("pk"), status=VersionStatus.IN_REVIEW).order_by().values("playbook")
    rows = rows.annotate(
        runs=Subquery(counted), passed=Subquery(passed), review=Subquery(review.annotate(count=Count("pk")).values("count"))
    )
    context = {"text": text, "playbooks": rows.order_by("name")[:500]}
    return frame.page(request, "playbooks.html", context, title="Playbooks")


@require_safe
def item(request: HttpRequest, playbook_id: uuid.UUID) -> HttpResponse:
    """One playbook: text, versions with differences, runs, triggers, controls."""
    rows = Playbook.objects.visible_to(frame.person(request)).select_related("active_version__activated_by", "tenant")
    row: Playbook = frame.visible_in(rows, playbook_id)
    versions = list(row.versions.select_related("imported_by", "activated_by", "submitted_by").defer("document").order_by("-id")[:100])
    shown = _chosen(versions, request.GET.get("version")) or row.active_version or (versions[0] if versions else None)
    other = _chosen(versions, request.GET.get("against"))
    tab = request.GET.get("tab", "versions" if other else "text")
    user = frame.person(request)
    context = {
        "playbook": row,
        "tab": tab if tab in TABS else "text",
        "tabs": TABS,
        "versions": versions,
        "shown": shown,
        "other": other,
        "diff": trees.folded(service.diff(version_a=other, version_b=shown)) if other and shown else [],
        "may_edit": access.may(user, Permission.EDIT_PLAYBOOKS, row.tenant_id),
        "may_activate": access.may(user, Permission.ACTIVATE_PLAYBOOKS, row.tenant_id),
        "may_start": bool(row.active_version_id) and access.may(user, Permission.WORK_EXECUTIONS, row.tenant_id),
        "inputs": (row.active_version.document.get("inputs") or {}) if row.active_version else {},
        **_tab(row, shown, tab),
    }
    return frame.page(request, "playbook.html", context, title=row.name, crumbs=["Playbooks=playbooks"])


@require_POST
def act(request: HttpRequest, version_id: uuid.UUID) -> HttpResponse:
    """Submit, activate or retire a version."""
    version: PlaybookVersion = frame.visible(request, PlaybookVersion.objects, version_id)
    name = request.POST.get("act", "")
    if name in VERBS:
        verb, permission, words = VERBS[name]
        try:
            access.require(frame.person(request), permission, version.tenant_id)
            verb(version=version, actor=frame.person(request).actor(), now=clock.now())
            messages.success(request, f"{version} {words}.")
        except DomainError as error:
            frame.tell(request, error)
    return redirect(reverse("admin:playbook", args=[version.playbook_id]) + "?tab=versions")


def _tab(row: Playbook, shown: PlaybookVersion | None, tab: str) -> dict[str, Any]:
    if tab == "runs":
        return _runs(row)
    if tab == "triggers":
        triggers = shown.document.get("triggers", []) if shown else []
        return {"triggers": triggers, "techniques": row.technique_mappings.order_by("technique")}
    if tab == "controls":
        mapped = Mapping.objects.filter(playbook=row).select_related("control__framework", "environment")
        return {"mappings": mapped.order_by("control__framework", "control__position")[:200]}
    return {}


def _runs(row: Playbook) -> dict[str, Any]:
    """Return how it did: success, median time, the step that takes longest."""
    runs = Execution.objects.filter(version__playbook=row)
    counts = dict(runs.order_by().values_list("status").annotate(count=Count("pk")))
    ended = sum(counts.get(word.value, 0) for word in FINAL_EXECUTION)
    lately = runs.filter(completed_at__isnull=False, drill=False).order_by("-id")
    spans = [(end - start).total_seconds() for start, end in lately.values_list("started_at", "completed_at")[:RUNS]]
    steps = StepRun.objects.filter(execution__in=lately.values("pk")[:RUNS], completed_at__isnull=False, undo_of=None, iteration_of=None)
    took = ExpressionWrapper(F("completed_at") - F("started_at"), output_field=Span())
    means = steps.order_by().values("step_id", "name").annotate(mean=Avg(took)).order_by("-mean")[:5]
    return {
        "by_status": sorted(counts.items(), key=lambda pair: -pair[1]),
        "ended": ended,
        "success": round(100 * counts.get(ExecutionStatus.COMPLETED.value, 0) / ended) if ended else None,
        "median": statistics.median(spans) if spans else None,
        "steps": [step for step in means if step["mean"] is not None],
        "runs": runs.select_related("version__playbook").order_by("-id")[:15],
    }


def _chosen(versions: list[PlaybookVersion], number: str | None) -> PlaybookVersion | None:
    return next((version for version in versions if version.number == number), None)
