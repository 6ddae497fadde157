"""Long answers, piece by piece, under WSGI and ASGI alike."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import StreamingHttpResponse
from rest_framework.request import Request


def stream(request: Request, chunks: Iterator[bytes], *, content_type: str, filename: str) -> StreamingHttpResponse:
    """Return `chunks` as a file to keep, without holding more than one of them and without blocking other requests."""
    pieces: Any = _in_threads(chunks) if isinstance(request._request, ASGIRequest) else chunks
    answer = StreamingHttpResponse(pieces, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer


async def _in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (chunk := await asyncio.to_thread(_next, chunks)) is not None:
        yield chunk


def _next(chunks: Iterator[bytes]) -> bytes | None:
    """Return the next piece. The thread is anybody's, so it keeps no connection."""
    try:
        return next(chunks, None)
    finally:
        if not connection.in_atomic_block:
            connection.close()
