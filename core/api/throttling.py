"""Rate limits that cost the same however high they are: one number a minute for each caller."""

import time
from typing import Any

from django.core.cache import cache
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.throttling import BaseThrottle

WINDOW = 60


class Rate(BaseThrottle):
    """So many requests in each minute. The count is kept by each process of the web for itself."""

    scope = ""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the request, and return whether it is still within the limit."""
        caller = self.caller(request)
        limit: Any = api_settings.DEFAULT_THROTTLE_RATES.get(self.scope)
        if caller is None or limit is None:
            return True
        key = f"rate:{self.scope}:{caller}:{int(time.time()) // WINDOW}"
        if cache.add(key, 1, 2 * WINDOW):
            return limit >= 1
        try:
            return int(cache.incr(key)) <= limit
        except ValueError:
            # It fell out of the cache between the two.
            return True

    def wait(self) -> float:
        """Return the seconds until the next minute begins."""
        return WINDOW - time.time() % WINDOW

    def caller(self, request: Request) -> str | None:
        """Return whose requests are counted together; None where this limit is not the caller's."""
        raise NotImplementedError


class UserRate(Rate):
    """For everybody who is logged in, by themselves."""

    scope = "user"

    def caller(self, request: Request) -> str | None:
        return str(request.user.pk) if request.user.is_authenticated else None


class AnonymousRate(Rate):
    """For everybody else, by address."""

    scope = "anon"

    def caller(self, request: Request) -> str | None:
        return None if request.user.is_authenticated else str(self.get_ident(request))
