"""Long answers, piece by piece, for a server that must not block."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator

from django.db import connection

#: Small pieces are joined until there is this much, so that a file of many lines takes few hops between threads.
ENOUGH = 64 * 1024


async def in_threads(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Yield what `chunks` holds, made in threads: never all of it at once, and other requests go on meanwhile."""
    rest = iter(chunks)
    while piece := await asyncio.to_thread(_next, rest):
        yield piece


def _next(chunks: Iterator[bytes]) -> bytes:
    """Return the next piece, empty at the end. The thread is anybody's, so it keeps no connection."""
    piece = bytearray()
    try:
        while len(piece) < ENOUGH and (chunk := next(chunks, None)) is not None:
            piece += chunk
        return bytes(piece)
    finally:
        if not connection.in_atomic_block:
            connection.close()
