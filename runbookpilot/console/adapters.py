"""Adapters: instances listed, added, changed and checked. Secrets go in and never come out."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.choices import Permission
from accounts.models import Environment
from accounts.selectors import access
from adapters import instances, registry
from adapters.choices import Mode
from adapters.contract import Adapter
from adapters.models import AdapterInstance
from core import clock
from core.errors import DomainError, Invalid
from runbookpilot.console import changes, frame, places

SHOWN = ("config", "mode", "enabled", "rate", "name")


class NotConfirmed(Invalid):
    """A live adapter reaches real systems: type its name to confirm that."""

    code = "not_confirmed"


class ReasonMissing(Invalid):
    """A change of configuration needs a reason, which its history keeps."""

    code = "reason_missing"


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """The instances of what is looked at, with their health."""
    rows = frame.rows(request, AdapterInstance.objects, Permission.MANAGE_ADAPTERS)
    found = list(rows.select_related("environment", "tenant").prefetch_related("bindings").order_by("environment__name", "name")[:500])
    unhealthy = sum(row.health == "unhealthy" for row in found)
    return frame.page(request, "adapters.html", {"instances": found, "unhealthy": unhealthy}, title="Adapters", crumbs=["System=adapters"])


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A form for a new instance of the adapter that is chosen."""
    frame.require(request, Permission.MANAGE_ADAPTERS)
    name = request.POST.get("adapter") or request.GET.get("adapter", "")
    cls = registry.adapters().get(name)
    problems: dict[str, object] = {}
    if request.method == "POST" and cls is not None:
        try:
            row = _create(request, cls)
        except DomainError as error:
            problems = {**error.fields, "": error.sentence}
        else:
            messages.success(request, f"{row.name} was added. Check its connection now.")
            return redirect("admin:adapter", row.pk)
    context = {
        "adapters": [_shown(known) for _, known in sorted(registry.adapters().items())],
        "adapter": _shown(cls) if cls else None,
        "fields": _fields(cls, request, None, problems) if cls else [],
        "problem": problems.get("", ""),
        "rate_problem": problems.get("rate", ""),
        "environments": _environments(request),
        "posted": request.POST,
    }
    return frame.page(request, "adapter_new.html", context, title="Add an adapter", crumbs=["System=adapters", "Adapters=adapters"])


@require_http_methods(["GET", "HEAD", "POST"])
def item(request: HttpRequest, instance_id: uuid.UUID) -> HttpResponse:
    """One instance: its health, its configuration to change, and who changed it."""
    rows = AdapterInstance.objects.visible_to(frame.person(request), Permission.MANAGE_ADAPTERS).select_related("environment", "tenant")
    row: AdapterInstance = frame.visible_in(rows, instance_id)
    cls = registry.adapters().get(row.adapter)
    problems: dict[str, object] = {}
    if request.method == "POST" and cls is not None:
        try:
            _change(request, cls, frame.visible_in(rows, instance_id))
        except DomainError as error:
            problems = {**error.fields, "": error.sentence}
        else:
            messages.success(request, f"{row.name} was changed.")
            return redirect("admin:adapter", row.pk)
    context = {
        "instance": row,
        "adapter": _shown(cls) if cls else None,
        "fields": _fields(cls, request, row, problems) if cls else [],
        "problem": problems.get("", ""),
        "rate_problem": problems.get("rate", ""),
        "bindings": row.bindings.order_by("capability"),
        "history": changes.of(row.history, SHOWN),
        "posted": request.POST,
    }
    return frame.page(request, "adapter.html", context, title=row.name, crumbs=["System=adapters", "Adapters=adapters"])


@require_POST
def check(request: HttpRequest, instance_id: uuid.UUID) -> HttpResponse:
    """Ask the vendor whether it answers."""
    rows = AdapterInstance.objects.visible_to(frame.person(request), Permission.MANAGE_ADAPTERS).select_related("environment")
    row: AdapterInstance = frame.visible_in(rows, instance_id)
    try:
        found = instances.check(instance=row, actor=frame.person(request).actor(), now=clock.now())
        tell = messages.success if found.health == "healthy" else messages.error
        tell(request, f"{found.name} is {found.health}. {found.health_detail}")
    except DomainError as error:
        frame.tell(request, error)
    return frame.back(request, "admin:adapters")


def _shown(cls: type[Adapter]) -> dict[str, Any]:
    """Return an adapter as templates show it; they would call a class."""
    return {"name": cls.name, "vendor": cls.vendor, "modes": cls.modes, "actions": cls.actions}


def _create(request: HttpRequest, cls: type[Adapter]) -> AdapterInstance:
    environment: Environment = frame.visible_in(_environments(request), request.POST.get("environment"))
    access.require(frame.person(request), Permission.MANAGE_ADAPTERS, environment.tenant_id)
    name, mode = request.POST.get("name", "").strip(), _mode(request, cls)
    _confirmed(request, name, mode)
    config, secrets = _given(request, cls)
    return instances.create(
        environment=environment, adapter=cls.name, name=name, config=config, secrets=secrets, mode=mode,
        rate=request.POST.get("rate", "").strip(), actor=frame.person(request).actor(), now=clock.now(),
    )  # fmt: skip


def _change(request: HttpRequest, cls: type[Adapter], row: AdapterInstance) -> None:
    access.require(frame.person(request), Permission.MANAGE_ADAPTERS, row.tenant_id)
    reason, mode = request.POST.get("reason", "").strip(), _mode(request, cls)
    if not reason:
        raise ReasonMissing
    if row.mode != Mode.LIVE:
        _confirmed(request, row.name, mode)
    config, secrets = _given(request, cls)
    row._change_reason = reason[:100]  # type: ignore[attr-defined]
    instances.change(
        instance=row, config=config, secrets=secrets or None, mode=mode, enabled=bool(request.POST.get("enabled")),
        rate=request.POST.get("rate", "").strip(), actor=frame.person(request).actor(), now=clock.now(),
    )  # fmt: skip


def _confirmed(request: HttpRequest, name: str, mode: Mode) -> None:
    if mode == Mode.LIVE and request.POST.get("confirm", "").strip() != name:
        raise NotConfirmed


def _mode(request: HttpRequest, cls: type[Adapter]) -> Mode:
    wanted = request.POST.get("mode", cls.modes[0])
    return Mode(wanted) if wanted in Mode.values else cls.modes[0]


def _environments(request: HttpRequest) -> Any:
    place = places.here(request)
    ids = {spot.environment_id for spot in place.chosen if place.may(Permission.MANAGE_ADAPTERS, spot.tenant_id)}
    return Environment.objects.filter(pk__in=ids).select_related("tenant").order_by("tenant__name", "name")


def _fields(cls: type[Adapter], request: HttpRequest, row: AdapterInstance | None, problems: dict[str, object]) -> list[dict[str, Any]]:
    """Return the fields of an adapter's configuration as a form shows them; a secret never has a value."""
    secret, stored = set(instances.secret_names(cls.name)), (row.config if row else {})
    kept, found = set(row.secrets or {}) if row else set(), []
    for name, field in cls.Config.model_fields.items():
        kind = "secret" if name in secret else _kind(str(field.annotation))
        default = "" if field.is_required() or field.get_default() is None else field.get_default(call_default_factory=True)
        value: Any = request.POST.get(name, "") if request.method == "POST" else stored.get(name, default)
        found.append({
            "name": name, "label": name.replace("_", " ").capitalize(), "kind": kind, "required": field.is_required() and name not in kept,
            "value": "" if kind == "secret" else "\n".join(map(str, value)) if isinstance(value, list | tuple) else value,
            "on": value in (True, "on", "true", "True"), "kept": name in kept, "help": field.description or "", "problem": problems.get(name, ""),
        })  # fmt: skip
    return found


def _given(request: HttpRequest, cls: type[Adapter]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the configuration and the new secrets in a form; what is left empty is left out."""
    names = set(instances.secret_names(cls.name))
    config: dict[str, Any] = {}
    for name, field in cls.Config.model_fields.items():
        kind, text = _kind(str(field.annotation)), request.POST.get(name, "").strip()
        if name in names:
            continue
        if kind == "bool":
            config[name] = bool(request.POST.get(name))
        elif text:
            config[name] = [line.strip() for line in text.splitlines() if line.strip()] if kind == "list" else _number(kind, text)
    return config, {name: request.POST[name] for name in names if request.POST.get(name)}


def _kind(annotation: str) -> str:
    if "bool" in annotation:
        return "bool"
    if any(word in annotation for word in ("list", "tuple", "Sequence", "set[")):
        return "list"
    return "number" if "int" in annotation or "float" in annotation else "text"


def _number(kind: str, text: str) -> Any:
    """Return a number where one is asked for and given; what is none is refused by the adapter's own words."""
    if kind != "number":
        return text
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text
