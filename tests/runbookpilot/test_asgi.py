"""What the server that answers in production adds to Django."""

import asyncio
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
