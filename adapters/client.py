"""The one HTTP client. Every request to the outside goes through here.

A call's time holds for all of it: names, connections, answers and attempts. Redirects are not followed; answers have a
size limit. What certainly had no effect is sent again, and so is what may be repeated; any other write is sent once.
"""

import contextlib
import dataclasses
import datetime as dt
import email.utils
import json
import math
import random
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import httpcore2
import httpx2
import tenacity

from adapters import connections, errors, guard
from adapters.contract import CallContext
from core import clock, redaction

MOST_BYTES = 10 << 20
ATTEMPTS = 3
#: Seconds of the first pause, doubled for each further one; each pause is a random part of it.
PAUSE = 0.6
#: The longest time that a vendor's Retry-After is believed.
LONGEST_RETRY_AFTER = 86_400.0
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
TRANSIENT = (errors.RateLimited, errors.Unavailable, errors.VendorError)


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of what a vendor answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON; raises VendorError where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise errors.VendorError("The vendor's answer is not JSON.") from error


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    context: CallContext | None = None,
    timeout: float = 30.0,
    allow_private: bool = False,
    repeatable: bool = False,
    reads: bool = False,
) -> Answer:
    """Return the answer to a request; raises an AdapterError.

    An adapter hands on its call's `context`, whose time then counts instead of `timeout`. `repeatable` says that a write
    may be sent again, `reads` that the request changes nothing whatever its method, such as a search or a login.
    """
    call = context or CallContext(instance_id=None, tenant_id=None, timeout=timeout)
    reads = reads or method in SAFE
    wanted = _Request(method, _address(url), dict(headers or {}), content, allow_private, reads, reads or repeatable)
    attempts = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(ATTEMPTS) | tenacity.stop_before_delay(max(call.left, 0)),
        wait=_wait,
        sleep=call.pause,
        retry=tenacity.retry_if_exception(lambda error: _again(error, wanted.repeatable)),
        reraise=True,
    )
    doubts: list[errors.AdapterError] = []
    try:
        return attempts(_once, wanted, call, doubts)
    except errors.AdapterError as error:
        if doubts and not error.outcome_unknown:
            raise errors.VendorError(f"{doubts[0].message} A later try: {error.message}", retry_after=error.retry_after) from error
        raise


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    content: bytes
    allow_private: bool
    reads: bool
    repeatable: bool


def _again(error: BaseException, repeatable: bool) -> bool:
    """Return whether a request may be sent again: its failure may pass, and sending it twice does no harm."""
    return isinstance(error, TRANSIENT) and (repeatable or not error.outcome_unknown)


def _wait(state: tenacity.RetryCallState) -> float:
    """Return the seconds until the next attempt: those that the vendor named, else a random part of a growing pause."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, errors.AdapterError) and error.retry_after is not None:
        return error.retry_after
    return random.uniform(0, PAUSE * 2.0 ** (state.attempt_number - 1))  # noqa: S311


def _address(url: str) -> httpx2.URL:
    try:
        target = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        target = httpx2.URL("")
    if target.scheme not in ("http", "https") or not target.host or target.userinfo:
        raise errors.InvalidRequest(f"{redaction.text(url)[:200]} is not an address that may be called.")
    return target


def _once(wanted: _Request, call: CallContext, doubts: list[errors.AdapterError]) -> Answer:
    """Make one attempt. One that may have had an effect is added to `doubts`: no later answer says that it had none."""
    try:
        return _attempted(wanted, call)
    except errors.AdapterError as error:
        if error.outcome_unknown and not wanted.reads:
            doubts.append(error)
        raise


def _attempted(wanted: _Request, call: CallContext) -> Answer:
    call.check()
    call.turn(call)
    url, write = wanted.url, not wanted.reads
    if write:
        call.permit()
        guard.write(f"{wanted.method} {url.host}")
    pool = connections.pool(allow_private=wanted.allow_private, keep=wanted.repeatable)
    target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    with _failures(url.host, call):
        headers = {"User-Agent": "RunbookPilot", "Accept-Encoding": "gzip", **wanted.headers}
        sent = httpx2.Request(wanted.method, url, headers=headers, content=wanted.content).headers.raw
        with (
            connections.bounded_by(call, write=write),
            pool.stream(wanted.method, target, headers=sent, content=wanted.content) as response,
        ):
            body = _bounded(response)
    found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return _judged(Answer(response.status, found, _plain(body, found.get("content-encoding", ""))), url.host, write=write)


@contextlib.contextmanager
def _failures(host: str, call: CallContext) -> Iterator[None]:
    """Say what went wrong on the way, and whether the request may have arrived."""
    try:
        yield
    except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
        raise errors.Unavailable(f"{host} cannot be reached: {str(error)[:200] or 'it does not answer in time'}.") from error
    except httpcore2.TimeoutException as error:
        if call.cancelled is not None and call.cancelled.is_set():
            raise errors.CallTimeout(f"The execution was cancelled before {host} answered.") from error
        raise errors.CallTimeout(f"{host} did not answer within {call.timeout:g} s.") from error
    except httpcore2.RemoteProtocolError as error:
        raise errors.VendorError(f"{host} broke off, or answered what is not HTTP.") from error
    except (httpcore2.NetworkError, httpcore2.ConnectionNotAvailable) as error:
        raise errors.VendorError(f"{host} broke the connection off.") from error
    except (httpcore2.LocalProtocolError, UnicodeError) as error:
        raise errors.InvalidRequest(f"The request to {host} has a header that may not be sent.") from error


def _bounded(response: httpcore2.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise errors.VendorError(f"The answer is larger than {MOST_BYTES} bytes.")
    connections.spoil_where_more_came(response)
    return bytes(body)


def _plain(body: bytes, encoding: str) -> bytes:
    """Return the body uncompressed, without ever holding more of it than an answer may have."""
    if encoding.lower() in ("", "identity") or not body:
        return body
    try:
        # 47: gzip or zlib, whichever it is.
        plain = zlib.decompressobj(47).decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise errors.VendorError("The answer is compressed in a way that was not asked for.") from error
    if len(plain) > MOST_BYTES:
        raise errors.VendorError(f"The answer is larger than {MOST_BYTES} bytes.")
    return plain


def _judged(answer: Answer, host: str, *, write: bool) -> Answer:
    status, after = answer.status, _retry_after(answer.headers)
    if status < 300:
        return answer
    said = f"{host} answered {status}."
    if status == 303 and write:
        raise errors.VendorError(f"{said} It was carried out, and what came of it stands elsewhere; redirects are not followed.")
    if status < 400:
        raise errors.InvalidRequest(f"{said[:-1]}: redirects are not followed; configure the address it leads to.")
    if status in REFUSALS:
        raise REFUSALS[status](said, retry_after=after)
    # A 503 that names no time may come from a proxy that lost the vendor halfway.
    if status == 503 and (after is not None or not write):
        raise errors.Unavailable(said, retry_after=after)
    if status >= 500:
        raise errors.VendorError(said, retry_after=after)
    raise errors.InvalidRequest(said)


REFUSALS: Mapping[int, type[errors.AdapterError]] = {
    401: errors.AuthError,
    403: errors.AuthError,
    404: errors.TargetNotFound,
    408: errors.VendorError,
    425: errors.Unavailable,
    429: errors.RateLimited,
}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After, given as seconds or as a date; None where there is none that makes sense."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text), LONGEST_RETRY_AFTER)
    moment = _date(text)
    if moment is None:
        return None
    # The vendor's own clock counts, where it says what that is.
    now = _date(headers.get("date", "")) or clock.now()
    return min(max(math.ceil((moment - now).total_seconds()), 0.0), LONGEST_RETRY_AFTER)


def _date(text: str) -> dt.datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
