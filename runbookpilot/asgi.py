"""The ASGI application."""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import django
from django.core.handlers.asgi import ASGIHandler
from django.http.response import HttpResponseBase

from core import pieces

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")


class Handler(ASGIHandler):
    """Django's, that streams what was made to be streamed: Django itself collects all of a synchronous answer first."""

    async def send_response(self, response: HttpResponseBase, send: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
        """Send files, static ones too, and exports piece by piece."""
        streamed: Any = response
        if response.streaming and not streamed.is_async:
            streamed.streaming_content = pieces.in_threads(streamed.streaming_content)
        await super().send_response(response, send)


django.setup(set_prefix=False)
application = Handler()
