"""Connections to the outside: kept for the next request, made only to addresses that may be reached, and cut off in time.

A name is resolved and its addresses are checked whenever a connection is made, and the connection is made to a checked
address: no name leads into the private network unless the instance allows it. Each read and write ends with the call.
"""

import contextlib
import contextvars
import dataclasses
import ipaddress
import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore2
import httpx2

from adapters import errors
from adapters.contract import CallContext

#: Networks whose addresses stand for IPv4 ones, or for a site: never a vendor's.
CARRIERS = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "::/96", "fec0::/10")))
#: Seconds that one address may take to accept a connection, before the next is tried.
CONNECT = 10.0
#: Seconds after which a wait looks up whether the call was cancelled.
SLICE = 0.2
#: Seconds that a connection is kept for the next request.
IDLE = 15.0
MOST_IDLE = 32

#: Seconds that a write which may have arrived is still given for its answer after a cancel: a doubt costs more.
PATIENCE = 3.0
#: Bytes that are sent before the time is looked at again.
PIECE = 16_384


@dataclasses.dataclass(slots=True)
class _Bound:
    """How long the exchange that is under way may still wait."""

    call: CallContext
    write: bool
    heard: float | None = None

    def left(self) -> float:
        """Return the seconds that are left; raises Cancelled where a cancelled exchange may end at once."""
        if not self.write:
            self.call.check()
        elif self.call.cancelled is not None and self.call.cancelled.is_set():
            self.heard = self.heard or time.monotonic()
            return min(self.call.left, self.heard + PATIENCE - time.monotonic())
        return self.call.left

    def slice(self) -> float:
        """Return the seconds to wait before `left` is asked again."""
        return max(self.call.left if self.call.cancelled is None else min(self.call.left, SLICE), 0.001)


_bound: contextvars.ContextVar[_Bound] = contextvars.ContextVar("bound")


@contextlib.contextmanager
def bounded_by(call: CallContext, *, write: bool) -> Iterator[None]:
    """End each wait of the connections that are used inside the block with the call's time, or soon after its cancellation."""
    mark = _bound.set(_Bound(call, write))
    try:
        yield
    finally:
        _bound.reset(mark)


_pools: dict[tuple[bool, bool], httpcore2.ConnectionPool] = {}
_making = threading.Lock()
#: A child process must not share its parent's connections.
os.register_at_fork(after_in_child=_pools.clear)


def pool(*, allow_private: bool, keep: bool) -> httpcore2.ConnectionPool:
    """Return this process's connections: those that may lead into the private network apart, and those that are not kept.

    A kept connection may be closed by the other side just while a request is sent on it, and then nobody knows whether the
    request arrived. What must not be sent twice therefore takes a connection of its own.
    """
    with _making:
        if (allow_private, keep) not in _pools:
            _pools[allow_private, keep] = httpcore2.ConnectionPool(
                ssl_context=httpx2.create_ssl_context(),
                max_connections=None,
                max_keepalive_connections=MOST_IDLE if keep else 0,
                keepalive_expiry=IDLE,
                network_backend=_Pinned(allow_private=allow_private),
            )
        return _pools[allow_private, keep]


def spoil_where_more_came(response: Any) -> None:
    """Never use a connection again on which more arrived than was asked for: that would be taken for the next answer."""
    stream = response.extensions.get("network_stream")
    try:
        # The library says publicly only whether more stands in the socket, not what it has read of it already.
        more = response.stream._stream._connection._h11_state.trailing_data[0]
    except AttributeError:
        more = b"unknown"
    if more and isinstance(stream, _Bounded):
        stream.spoilt = True


def close() -> None:
    """Close every connection that this process keeps."""
    with _making:
        while _pools:
            _pools.popitem()[1].close()


def addresses(host: str, port: int, *, allow_private: bool, timeout: float = CONNECT) -> list[str]:
    """Return the addresses of `host` that may be reached; raises InvalidRequest where none may, Unavailable where none is found."""
    found = _resolved(host, port, timeout)
    safe = [text for text in found if allow_private or _is_public(ipaddress.ip_address(text.split("%")[0]))]
    if not safe:
        raise errors.InvalidRequest(
            f"{host} leads to {', '.join(found)}, which is not a public address; the instance does not allow that."
        )
    return safe


def _resolved(host: str, port: int, timeout: float) -> list[str]:
    """Return the addresses of a name, in the resolver's order. A resolver that hangs is left behind with its thread."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(info[4][0]) for info in found)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        found = answers.get(timeout=max(timeout, 0))
    except queue.Empty:
        raise errors.Unavailable(f"The name {host} did not resolve in time.") from None
    if isinstance(found, Exception):
        raise errors.Unavailable(f"The name {host} does not resolve.") from found
    return found


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Return whether an address is public, also where it carries another inside (mapped, 6to4, Teredo, NAT64)."""
    if address.is_multicast or not address.is_global:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return True
    if any(address in network for network in CARRIERS):
        return False
    inside = address.ipv4_mapped or address.sixtofour
    return inside is None or _is_public(inside)


class _Pinned(httpcore2.NetworkBackend):
    """Connects to the addresses of a name that may be reached, in turn, until one accepts."""

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._sockets = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        call = _bound.get().call
        last: Exception = httpcore2.ConnectTimeout()
        for address in addresses(host, port, allow_private=self._allow_private, timeout=min(call.left, CONNECT)):
            call.check()
            if call.left <= 0:
                break
            try:
                stream = self._sockets.connect_tcp(address, port, min(call.left, CONNECT), local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
            else:
                return _Bounded(stream)
        raise last


class _Bounded(httpcore2.NetworkStream):
    """A stream whose reads and writes end with the call that they are made for, however little arrives at a time."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream
        self.spoilt = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        bound = _bound.get()
        while bound.left() > 0:
            # Only a slice is over: what has arrived is not lost.
            with contextlib.suppress(httpcore2.ReadTimeout):
                return self._stream.read(max_bytes, timeout=bound.slice())
        raise httpcore2.ReadTimeout

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        bound = _bound.get()
        for start in range(0, len(buffer), PIECE):
            left = bound.left()
            if left <= 0:
                raise httpcore2.WriteTimeout
            self._stream.write(buffer[start : start + PIECE], timeout=left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = min(_bound.get().call.left, CONNECT)
        if left <= 0:
            raise httpcore2.ConnectTimeout
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, timeout=left))

    def get_extra_info(self, info: str) -> Any:
        # One that is readable while nothing was asked is not used again.
        return (info == "is_readable" and self.spoilt) or self._stream.get_extra_info(info)
