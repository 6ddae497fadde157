"""What every request passes through first."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from core import tracing as traces

Handler = Callable[[HttpRequest], HttpResponse]
HEADER = "X-Request-ID"


def tracing(get_response: Handler) -> Handler:
    """Give each request a trace id, the caller's where it sent a proper one, and answer with it."""

    def handle(request: HttpRequest) -> HttpResponse:
        with traces.trace(request.headers.get(HEADER, "")) as trace_id:
            response = get_response(request)
            response[HEADER] = trace_id
            return response

    return handle


def who(get_response: Handler) -> Handler:
    """Let every log line of a request say who asked, where somebody is logged in; the API says so for tokens itself."""

    def handle(request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            structlog.contextvars.bind_contextvars(actor=str(request.user.pk))
        try:
            return get_response(request)
        finally:
            structlog.contextvars.unbind_contextvars("actor", "tenant")

    return handle


def admin_scripts(get_response: Handler) -> Handler:
    """Let the admin theme's scripts evaluate expressions under /admin alone; untrusted values never stand in these."""

    def handle(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_update = {"script-src": ["'unsafe-eval'"]}  # type: ignore[attr-defined]
        return response

    return handle
