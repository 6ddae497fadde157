"""What the server that answers in production adds to Django."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from typing import Any

from django.http import StreamingHttpResponse

from core import pieces
from runbookpilot.asgi import Handler


def sent(chunks: Iterator[bytes]) -> list[dict[str, Any]]:
    """What goes over the wire for an answer of `chunks`; a warning of Django's would be an error here."""
    found: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        found.append(message)

    asyncio.run(Handler().send_response(StreamingHttpResponse(chunks), send))
    return [message for message in found if message.get("body")]


def test_a_synchronous_answer_is_sent_piece_by_piece() -> None:
    chunk = b"x" * pieces.ENOUGH
    assert [message["body"] for message in sent(iter([chunk] * 3))] == [chunk] * 3


def test_small_pieces_travel_together_and_empty_ones_end_nothing() -> None:
    assert b"".join(message["body"] for message in sent(iter([b"a", b"", b"b"]))) == b"ab"


def test_an_answer_is_made_outside_of_the_thread_that_serves() -> None:
    threads = []

    def made() -> Iterator[bytes]:
        threads.append(threading.current_thread())
        yield b"x"

    sent(made())
    assert threading.current_thread() not in threads


def asked(path: str) -> list[dict[str, Any]]:
    """What goes over the wire for a GET."""
    found: list[dict[str, Any]] = []
    scope = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [(b"host", b"localhost")], "http_version": "1.1",
    }  # fmt: skip

    async def ask() -> None:
        asking = iter([{"type": "http.request", "body": b"", "more_body": False}])
        gone = asyncio.Event()

        async def receive() -> Any:
            for message in asking:
                return message
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            found.append(message)

        await Handler()(scope, receive, send)  # type: ignore[arg-type]

    asyncio.run(ask())
    return found


def test_a_request_is_answered_in_one_go_in_a_thread() -> None:
    assert not inspect.iscoroutinefunction(Handler()._middleware_chain)  # type: ignore[attr-defined]
    start, body = asked("/healthz")
    assert start["status"] == 200
    assert {b"X-Request-ID", b"Content-Security-Policy"} <= {name for name, _ in start["headers"]}
    assert body["body"]


def test_an_error_has_its_page_here_too() -> None:
    start, body = asked("/admin/nowhere/")
    assert start["status"] in (302, 404)
    assert body["more_body"] is False
