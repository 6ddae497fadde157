"""One control: whether it is proved and why, what serves it, the evidence, the accepted risks, and who decided what about it."""

import datetime as dt
import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.choices import Permission
from accounts.models import Environment, User
from accounts.selectors import access
from compliance.models import Control, ControlEvidence, ControlException, Mapping
from compliance.selectors import coverage as coverages
from compliance.services import controls as service
from compliance.services import mappings
from core import clock
from core.errors import DomainError, Invalid
from playbooks_app.models import Playbook
from runbookpilot.console import changes, frame, places

MARKS, EVIDENCE, OFFERED = 40, 50, 500
SHOWN = ("owner", "freshness_days", "applicable", "applicability_reason")


class NotADay(Invalid):
    """A day is written as 2026-12-31."""

    code = "not_a_day"


class NotANumber(Invalid):
    """A number of days is written in digits."""

    code = "not_a_number"


class ChooseOne(Invalid):
    """Choose one of those that are offered."""

    code = "choose_one"


@require_http_methods(["GET", "HEAD", "POST"])
def item(request: HttpRequest, control_id: uuid.UUID) -> HttpResponse:
    """The page of a control; a POST maps, ends a mapping, accepts a risk or changes it, with errors beside the fields."""
    frame.require(request, Permission.VIEW_EVIDENCE)
    rows = Control.objects.visible_to(frame.person(request), Permission.VIEW_EVIDENCE).select_related("framework", "tenant", "owner")
    row: Control = frame.visible_in(rows, control_id)
    problems: dict[str, object] = {}
    act = request.POST.get("act", "")
    if request.method == "POST":
        try:
            access.require(frame.person(request), Permission.MANAGE_COMPLIANCE, row.tenant_id)
            messages.success(request, _acted(request, row, act))
            return redirect("admin:control", row.pk)
        except DomainError as error:
            problems = {**error.fields, "": error.sentence}
    context = {**_shown(request, row), **_forms(request, row), "problems": problems, "problem": problems.get("", ""), "act": act, "posted": request.POST}
    crumbs = ["Compliance=coverage", "Coverage=coverage"]
    return frame.page(request, "control.html", context, title=str(row), crumbs=crumbs, status=400 if problems else 200)


def _shown(request: HttpRequest, row: Control) -> dict[str, Any]:
    """Return how the control stands, and why."""
    now = clock.now()
    stands = next(found for found in coverages.coverage(row.tenant_id, row.framework, now) if found.control.pk == row.pk)
    evidence = ControlEvidence.objects.filter(control=row).select_related("bundle").defer("bundle__files", "bundle__envelope")
    newest = list(evidence.order_by("-effective_at", "-bundle_id")[:EVIDENCE])
    fresh = dt.timedelta(days=row.freshness_days)
    return {
        "control": row,
        "stands": stands,
        "marks": [(proof, _mark(proof.passed)) for proof in reversed(newest[:MARKS])],
        "evidence": [(proof, proof.effective_at + fresh) for proof in newest],
        "mappings": row.mappings.select_related("playbook", "environment").order_by("valid_until", "playbook__slug")[:EVIDENCE],
        "exceptions": row.exceptions.order_by("-valid_until")[:EVIDENCE],
        "history": _history(row),
        "now": now,
        "reads": places.here(request).may(Permission.VIEW_RECORDS, row.tenant_id),
    }


def _forms(request: HttpRequest, row: Control) -> dict[str, Any]:
    """Return what the forms offer; nothing to whoever may only look."""
    if not access.may(frame.person(request), Permission.MANAGE_COMPLIANCE, row.tenant_id):
        return {"manages": False}
    people = User.objects.filter(memberships__tenant=row.tenant_id, is_active=True, is_service=False).distinct()
    return {
        "manages": True,
        "playbooks": Playbook.objects.filter(tenant=row.tenant_id).order_by("name")[:OFFERED],
        "environments": Environment.objects.filter(tenant=row.tenant_id).order_by("name"),
        "people": people.order_by("username")[:OFFERED],
    }


def _acted(request: HttpRequest, row: Control, act: str) -> str:
    """Do what a form asks for and return what to say of it; raises the service's errors, with the field that each is about."""
    common: dict[str, Any] = {"actor": frame.person(request).actor(), "now": clock.now()}
    reason = request.POST.get("reason", "").strip()
    if act == "map":
        chosen = _one(Playbook.objects.filter(tenant=row.tenant_id), request, "playbook")
        where = _one(Environment.objects.filter(tenant=row.tenant_id), request, "environment") if request.POST.get("environment") else None
        mappings.add(control=row, playbook=chosen, environment=where, rationale=reason, **common)
        return f"{chosen} serves it from now on."
    if act == "end":
        mapping: Mapping = frame.visible_in(row.mappings.select_related("playbook"), request.POST.get("mapping"))
        mappings.end(mapping=mapping, reason=_given(reason), **common)
        return f"{mapping.playbook} serves it no more. What it served before stays."
    if act == "accept":
        accepted = service.accept_risk(control=row, reason=_given(reason), valid_until=_until(request), **common)
        return f"The risk is accepted until {accepted.valid_until:%Y-%m-%d}."
    service.change(
        control=row, owner=_one(_members(row), request, "owner") if request.POST.get("owner") else None,
        freshness_days=_days(request), applicable=bool(request.POST.get("applicable")), reason=_given(reason), **common,
    )  # fmt: skip
    return "The control was changed."


def _members(row: Control) -> Any:
    return User.objects.filter(memberships__tenant=row.tenant_id).distinct()


def _one(rows: Any, request: HttpRequest, name: str) -> Any:
    try:
        found = rows.filter(pk=uuid.UUID(request.POST.get(name, ""))).first()
    except ValueError:
        found = None
    if found is None:
        raise ChooseOne(fields={name: "Choose one of those that are offered."})
    return found


def _given(reason: str) -> str:
    if not reason:
        raise service.ReasonNeeded(fields={"reason": "A reason is needed; the history keeps it."})
    return reason


def _until(request: HttpRequest) -> dt.datetime:
    try:
        return dt.datetime.combine(dt.date.fromisoformat(request.POST.get("until", "")), dt.time.max, dt.UTC)
    except ValueError as error:
        raise NotADay(fields={"until": "A day, as 2026-12-31."}) from error


def _days(request: HttpRequest) -> int:
    text = request.POST.get("freshness_days", "")
    if not text.isascii() or not text.isdigit():
        raise NotANumber(fields={"freshness_days": "A number of days, from 1 to 3660."})
    return int(text[:9])


def _mark(passed: bool | None) -> tuple[str, str]:
    return ("grey", "not checked") if passed is None else ("green", "passed") if passed else ("red", "did not pass")


def _history(row: Control) -> list[dict[str, Any]]:
    """Return who changed the control, its mappings and its accepted risks, newest first."""
    found = [
        *({**change, "what": "the control"} for change in changes.of(row.history, SHOWN)),
        *({**change, "what": f"the mapping to {change['row'].playbook}"} for change in changes.each(
            Mapping.history.filter(control_id=row.pk).select_related("playbook"), ("valid_until", "rationale")
        )),
        *({**change, "what": "an accepted risk"} for change in changes.each(ControlException.history.filter(control_id=row.pk), ("valid_until", "reason"))),
    ]  # fmt: skip
    return sorted(found, key=lambda change: change["at"], reverse=True)[:EVIDENCE]
