"""Long answers, piece by piece, under WSGI and ASGI alike."""

from collections.abc import Iterator
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from rest_framework.request import Request

from core import pieces


def stream(request: Request, chunks: Iterator[bytes], *, content_type: str, filename: str) -> StreamingHttpResponse:
    """Return `chunks` as a file to keep, without holding more than a piece of it and without blocking other requests."""
    made: Any = pieces.in_threads(chunks) if isinstance(request._request, ASGIRequest) else chunks
    answer = StreamingHttpResponse(made, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer
