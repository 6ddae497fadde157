"""Is it alive, is it ready, and what do its numbers say."""

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from audit.selectors import guard
from core import clock
from runbookpilot import broker, gauges, meters

MIGRATED = "health:migrated"


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """Answer that this process serves."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """Answer whether the database answers, is migrated, and guards the journal; 503 with the reason where not.

    The web needs nothing else: without its broker it is degraded, and ready, because background work resumes by itself.
    """
    checks = {"database": _database()}
    if checks["database"] == "ok":
        checks |= {"migrations": _migrations(), "journal": _journal()}
    ready = all(answer == "ok" for answer in checks.values())
    if broker.in_use():
        checks["broker"] = _broker()
    well = all(answer == "ok" for answer in checks.values())
    status = ("ok" if well else "degraded") if ready else "unavailable"
    return JsonResponse({"status": status, "checks": checks}, status=200 if ready else 503)


@require_safe
def metrics(_request: HttpRequest) -> HttpResponse:
    """Answer with the numbers of this deployment, for Prometheus."""
    gauges.refresh()
    meters.refresh(now=clock.now())
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return f"The database does not answer: {type(error).__name__}"
    return "ok"


def _broker() -> str:
    try:
        broker.ping()
    except broker.ERRORS as error:
        return f"The broker does not answer, background work waits: {type(error).__name__}"
    return "ok"


def _migrations() -> str:
    if cache.get(MIGRATED):
        return "ok"
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "Migrations are missing: run manage.py migrate"
    cache.set(MIGRATED, True, None)
    return "ok"


def _journal() -> str:
    missing = guard.missing()
    return f"The journal is not guarded: {', '.join(missing)}" if missing else "ok"
