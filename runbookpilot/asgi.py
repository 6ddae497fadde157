"""The ASGI application."""

import asyncio
import contextlib
import contextvars
import os
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import django
from django.conf import settings
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.db import close_old_connections
from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from core import memory, pieces

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")

#: Whoever asks whether this process lives does not stand in line behind those whom it serves.
ALIVE = "/healthz"

P = ParamSpec("P")
T = TypeVar("T")
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Handler(ASGIHandler):
    """Django's, whose middleware and views are all synchronous: each request runs from its first signal to its last in one thread.

    The threads are kept, as many as there are connections to the database, and more requests than these wait their turn. Django
    itself makes a thread for each request, and goes to it and back five times. A request that has begun ends, also when its
    client has hung up: what it changes is committed or not, never half of it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._threads = ThreadPoolExecutor(settings.REQUEST_THREADS, thread_name_prefix="request")
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="alive")

    def close(self) -> None:
        """Return when the requests that have begun are answered; none is begun any more."""
        self._threads.shutdown()
        self._aside.shutdown()

    def load_middleware(self, is_async: bool = False) -> None:
        """Make the chain of what a request passes through, synchronous from end to end."""
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request; its body is here, in memory or a file, before a thread is taken for it."""
        if scope["type"] != "http":
            raise ValueError(f"HTTP is served here, and this is {scope['type']}.")
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        threads = self._aside if scope["path"] == ALIVE else self._threads
        response = await _in(threads, self._answer, scope, body)
        if response.streaming:
            await self._stream(response, receive, send)
        else:
            await self.send_response(response, send)

    def _answer(self, scope: Any, body: Any) -> HttpResponseBase:
        """Return the answer. When it is whole, all is done; in any case the connection to the database has been handed back."""
        try:
            set_script_prefix(get_script_prefix(scope))
            signals.request_started.send(sender=self.__class__, scope=scope)
            request, refused = self.create_request(scope, body)
            response: Any = refused if request is None else self.get_response(request)
            response._handler_class = self.__class__
            if isinstance(response, FileResponse):
                response.block_size = self.chunk_size
            if not response.streaming:
                response.close()
            return response
        finally:
            close_old_connections()

    async def _stream(self, response: Any, receive: Receive, send: Send) -> None:
        """Send files, static ones too, and exports piece by piece, made in threads, as long as somebody takes them."""
        if not response.is_async:
            response.streaming_content = pieces.in_threads(response.streaming_content)
        gone = asyncio.ensure_future(_hung_up(receive))

        async def send_on(message: Mapping[str, Any]) -> None:
            if gone.done():
                raise RequestAborted
            await send(message)

        try:
            with contextlib.suppress(RequestAborted):
                await self.send_response(response, send_on)
        finally:
            gone.cancel()
            await _in(self._threads, response.close)


async def _hung_up(receive: Receive) -> None:
    """Return when the client has."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _in(threads: ThreadPoolExecutor, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what a function returns in one of these threads, where nothing of an earlier request's context is left."""
    context = contextvars.copy_context()
    return await asyncio.get_running_loop().run_in_executor(threads, lambda: context.run(function, *args, **kwargs))


django.setup(set_prefix=False)
application = Handler()
memory.settle([settings.ROOT_URLCONF])
