"""The one HTTP client. Every request to the outside goes through here.

Resolved addresses are checked before a connection is made to them, so that no name leads into the private network
unless the instance allows it; redirects are not followed; answers have a size limit; reads are tried again, writes are not.
"""

import dataclasses
import ipaddress
import random
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx2

from adapters import errors, guard
from core import redaction

MOST_BYTES = 10 << 20
ATTEMPTS = 3
LONGEST_PAUSE = 10.0
#: Networks whose addresses stand for IPv4 ones, or for a site: never a vendor's.
CARRIERS = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "::/96", "fec0::/10")))
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and body of what a vendor answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    timeout: float = 30.0,
    allow_private: bool = False,
    repeatable: bool = False,
) -> Answer:
    """Return the answer to a request; raises an AdapterError. `repeatable` says that a write may be sent again."""
    if method not in SAFE:
        guard.write(f"{method} {urlsplit(url).hostname}")
    attempts = ATTEMPTS if method in SAFE or repeatable else 1
    for attempt in range(1, attempts + 1):
        try:
            return _once(method, url, dict(headers or {}), content, timeout, allow_private)
        except (errors.RateLimited, errors.Unavailable, errors.VendorError) as error:
            if attempt == attempts:
                raise
            time.sleep(min(error.retry_after or random.uniform(0, 0.3 * 2**attempt), LONGEST_PAUSE))  # noqa: S311
    raise AssertionError


def addresses(host: str, port: int, *, allow_private: bool) -> list[str]:
    """Return the addresses of `host` that may be reached; raises InvalidRequest where one may not, Unavailable where none is found."""
    try:
        found = sorted({str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except OSError as error:
        raise errors.Unavailable(f"The name {host} does not resolve.") from error
    for text in found:
        address = ipaddress.ip_address(text.split("%")[0])
        if not allow_private and not _is_public(address):
            raise errors.InvalidRequest(
                f"{host} leads to {text}, which is not a public address; the instance does not allow that."
            )
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


def _once(method: str, url: str, headers: dict[str, str], content: bytes, timeout: float, allow_private: bool) -> Answer:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise errors.InvalidRequest(f"{redaction.text(url)[:200]} is not an address that may be called.")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    pinned = addresses(parts.hostname, port, allow_private=allow_private)[0]
    target = httpx2.URL(url).copy_with(host=pinned)
    extensions = {"sni_hostname": parts.hostname} if parts.scheme == "https" else {}
    headers = {"Host": parts.netloc, "User-Agent": "RunbookPilot", **headers}
    try:
        with (
            httpx2.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client,
            client.stream(method, target, headers=headers, content=content, extensions=extensions) as response,
        ):
            body = _bounded(response)
    except httpx2.ConnectError as error:
        raise errors.Unavailable(f"{parts.hostname} cannot be reached.") from error
    except httpx2.TimeoutException as error:
        raise errors.CallTimeout(f"{parts.hostname} did not answer within {timeout:g} s.") from error
    except httpx2.HTTPError as error:
        raise errors.VendorError(f"{parts.hostname} broke the connection off.") from error
    return _judged(Answer(response.status_code, dict(response.headers), body), parts.hostname)


def _bounded(response: httpx2.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_bytes():
        body += chunk
        if len(body) > MOST_BYTES:
            raise errors.VendorError(f"The answer is larger than {MOST_BYTES} bytes.")
    return bytes(body)


def _judged(answer: Answer, host: str) -> Answer:
    if answer.status < 300:
        return answer
    if answer.status < 400:
        raise errors.InvalidRequest(
            f"{host} answered {answer.status}: redirects are not followed; configure the address it leads to."
        )
    if answer.status in (401, 403):
        raise errors.AuthError(f"{host} answered {answer.status}.")
    if answer.status == 404:
        raise errors.TargetNotFound(f"{host} answered 404.")
    if answer.status == 429:
        raise errors.RateLimited(f"{host} answered 429.", retry_after=_seconds(answer.headers.get("retry-after", "")))
    if answer.status == 503:
        raise errors.Unavailable(f"{host} answered 503.", retry_after=_seconds(answer.headers.get("retry-after", "")))
    if answer.status >= 500:
        raise errors.VendorError(f"{host} answered {answer.status}.")
    raise errors.InvalidRequest(f"{host} answered {answer.status}.")


def _seconds(text: str) -> float | None:
    return float(text) if text.isdecimal() else None
