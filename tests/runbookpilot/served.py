"""A web process in a thread of this one: real HTTP over a socket, and views of the tests' own behind the real middleware."""

import contextlib
import contextvars
import http.client
import threading
import time
from collections.abc import Callable, Iterator

import uvicorn
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.utils import timezone

from accounts.models import Tenant
from core import pieces
from runbookpilot.asgi import Handler
from runbookpilot.health import healthz

PATIENCE = 10
ENOUGH = b"x" * pieces.ENOUGH
word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="")


class Stage:
    """What views of a test wait for and tell."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun: list[str] = []
        self.ended: list[str] = []

    def until_begun(self, count: int) -> None:
        """Return when so many requests have begun."""
        until(lambda: len(self.begun) >= count)

    def waits(self, request: HttpRequest, name: str) -> HttpResponse:
        """Read the database, tell that it has begun, and go on when told to."""
        Tenant.objects.count()
        self.begun.append(name)
        assert self.go.wait(PATIENCE)
        Tenant.objects.create(slug=name, name=name)
        self.ended.append(name)
        return HttpResponse(name)

    def breaks(self, request: HttpRequest) -> HttpResponse:
        """Fail with the connection in hand."""
        Tenant.objects.count()
        raise ZeroDivisionError

    def leaves(self, request: HttpRequest) -> HttpResponse:
        """Leave something behind wherever a request can, and return what was found there, and the thread."""
        found = f"{word.get()}|{timezone.get_current_timezone_name()}"
        word.set("left")
        timezone.activate("Asia/Tokyo")
        return HttpResponse(f"{threading.current_thread().name}|{found}")

    def short(self, request: HttpRequest) -> StreamingHttpResponse:
        """Stream a piece, and the next when told to."""
        Tenant.objects.count()

        def made() -> Iterator[bytes]:
            yield ENOUGH
            assert self.go.wait(PATIENCE)
            yield b"a"
            yield b""
            yield threading.current_thread().name.encode()

        return StreamingHttpResponse(made())

    def endless(self, request: HttpRequest) -> StreamingHttpResponse:
        """Stream until somebody closes it."""

        def made() -> Iterator[bytes]:
            try:
                while True:
                    Tenant.objects.count()
                    yield ENOUGH
            finally:
                self.ended.append("endless")

        return StreamingHttpResponse(made())

    def cut(self, request: HttpRequest) -> StreamingHttpResponse:
        """Fail in the middle of a stream."""

        def made() -> Iterator[bytes]:
            Tenant.objects.count()
            yield ENOUGH
            raise ZeroDivisionError

        return StreamingHttpResponse(made())


class Urls:
    """A URLconf of its own for each test."""

    def __init__(self, stage: Stage) -> None:
        self.urlpatterns = [
            path("healthz", healthz),
            path("waits/<name>", stage.waits),
            path("breaks", stage.breaks),
            path("leaves", stage.leaves),
            path("short", stage.short),
            path("endless", stage.endless),
            path("cut", stage.cut),
        ]


class Asked:
    """A request that was sent."""

    def __init__(self, port: int, path: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self._connection.request("GET", path)
        self._answer: http.client.HTTPResponse | None = None

    def read(self, most: int | None = None) -> bytes:
        """Return the body, or the next so many bytes of it."""
        return self.answer().read(most)

    def answer(self) -> http.client.HTTPResponse:
        """Return the answer, whose body is yet to be read."""
        self._answer = self._answer or self._connection.getresponse()
        return self._answer

    def hang_up(self) -> None:
        """Close the connection, whatever is still to come over it."""
        if self._answer:
            self._answer.close()
        self._connection.close()


class Web:
    """What a test asks."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._asked: list[Asked] = []

    def ask(self, path: str) -> Asked:
        """Send a request, and leave its answer to be read."""
        self._asked.append(Asked(self._port, path))
        return self._asked[-1]

    def get(self, path: str) -> tuple[int, bytes]:
        """Return the status and the body."""
        asked = self.ask(path)
        return asked.answer().status, asked.read()

    def close(self) -> None:
        """Hang up on every connection."""
        for asked in self._asked:
            asked.hang_up()


@contextlib.contextmanager
def serving() -> Iterator[Web]:
    """A server that answers until the block ends, and then no thread of it is left."""
    handler = Handler()
    server = uvicorn.Server(uvicorn.Config(handler, port=0, lifespan="off", log_level="critical"))
    thread = threading.Thread(target=server.run, name="served")
    thread.start()
    try:
        until(lambda: server.started)
        with contextlib.closing(Web(server.servers[0].sockets[0].getsockname()[1])) as web:
            yield web
    finally:
        server.should_exit = True
        thread.join()
        handler.close()


def until(found: Callable[[], bool]) -> None:
    """Return when something is so; raises TimeoutError where it never is."""
    ends = time.monotonic() + PATIENCE
    while not found():
        if time.monotonic() > ends:
            raise TimeoutError
        time.sleep(0.01)


def lent() -> int:
    """Return how many connections of the pool are in somebody's hands, when this thread's own is back."""
    connection.close()
    stats = connection.pool.get_stats()  # type: ignore[attr-defined]
    return int(stats["pool_size"] - stats["pool_available"])
