"""The ASGI application."""

import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from core import pieces

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")


class Handler(ASGIHandler):
    """Django's, with two differences.

    It streams what was made to be streamed: Django itself collects all of a synchronous answer first. And all middleware and the
    view, none of which is asynchronous, run in one go in a thread: Django goes to the thread and back for each of them.
    """

    def load_middleware(self, is_async: bool = False) -> None:
        """Make the chain of what a request passes through, synchronous from end to end."""
        super().load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer, made in the request's own thread."""
        return await sync_to_async(self.get_response, thread_sensitive=True)(request)

    async def send_response(self, response: HttpResponseBase, send: Callable[[Mapping[str, Any]], Awaitable[None]]) -> None:
        """Send files, static ones too, and exports piece by piece."""
        streamed: Any = response
        if response.streaming and not streamed.is_async:
            streamed.streaming_content = pieces.in_threads(streamed.streaming_content)
        await super().send_response(response, send)


django.setup(set_prefix=False)
application = Handler()
