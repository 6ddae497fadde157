"""Recorded alerts, sent again as a detector would send them: one a request, at a rate, each until it is answered.

An alert that was not answered is sent again as the same bytes, so that the server counts it as the one that it may have
stored already. Needs no Django: whoever sends needs an address and a token, or the secret of an alert source.
"""

import dataclasses
import datetime as dt
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import tenacity

#: Longer than the server takes for anything.
TIMEOUT = 10.0
#: Seconds between two tries at most, also where the server names more.
LONGEST_PAUSE = 30.0
#: Answers after which the same alert is sent again.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
#: Answers after which every other alert would be answered the same.
HOPELESS = frozenset({401, 403, 404, 405})
#: What tells one alert from another, by rank.
IDS = ("kibana.alert.uuid", "event.id")


class NotSent(Exception):
    """Nothing more can be sent; the message says why."""


class _Passing(Exception):
    """It was not answered, or not for good."""

    def __init__(self, why: str, pause: float | None = None) -> None:
        super().__init__(why)
        self.pause = pause


@dataclasses.dataclass(frozen=True, slots=True)
class Sender:
    """With what requests are sent: a person's or a service's token, or the name and secret of an alert source."""

    token: str = ""
    source: str = ""
    secret: str = ""

    def headers(self, body: bytes) -> dict[str, str]:
        """Return what says who sends this body; a signature is made anew for each try, for it is accepted once."""
        if not self.source:
            return {"Authorization": f"Token {self.token}"}
        timestamp = dt.datetime.now(dt.UTC).isoformat()
        mac = hmac.new(self.secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return {
            "X-RunbookPilot-Source": self.source, "X-RunbookPilot-Timestamp": timestamp, "X-RunbookPilot-Signature": f"v1={mac}",
        }  # fmt: skip


@dataclasses.dataclass(slots=True)
class Count:
    """What became of the alerts; `repeated` counts tries beyond the first."""

    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    repeated: int = 0


@dataclasses.dataclass(slots=True)
class Replay:
    """A replay to one address, which can be told to stop; `tell` is told what was refused and what has to wait."""

    url: str
    sender: Sender
    interval: float
    tell: Callable[[str], None]
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)
    count: Count = dataclasses.field(default_factory=Count)

    def run(self, alerts: Iterable[bytes]) -> None:
        """Send alerts until there are no more, or it is told to stop; raises NotSent where no alert would be accepted."""
        with httpx2.Client(timeout=TIMEOUT, headers={"Content-Type": "application/json"}) as client:
            for number, body in enumerate(alerts, 1):
                began = time.monotonic()
                self._until_answered(client, number, body)
                # An alert that took long is followed by no faster ones.
                if self.stop.wait(max(began + self.interval - time.monotonic(), 0)):
                    return

    def _until_answered(self, client: httpx2.Client, number: int, body: bytes) -> None:
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Passing),
            stop=tenacity.stop_when_event_set(self.stop),
            sleep=tenacity.sleep_using_event(self.stop),
            wait=_pause,
            before_sleep=self._wait,
            reraise=True,
        )
        try:
            answer = attempts(self._send, client, body)
        except _Passing as error:
            self.tell(f"Alert {number} was not accepted before the end: {error}")
            return
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise NotSent(f"{self.url} is no address: {error}") from error
        self._judge(number, answer)

    def _send(self, client: httpx2.Client, body: bytes) -> httpx2.Response:
        try:
            answer = client.post(f"{self.url.rstrip('/')}/api/v1/alerts", content=body, headers=self.sender.headers(body))
        except httpx2.UnsupportedProtocol:
            raise
        except httpx2.TransportError as error:
            raise _Passing(f"{type(error).__name__}: {error}") from error
        if answer.status_code in PASSING:
            raise _Passing(f"it answered {answer.status_code}", _seconds(answer.headers.get("Retry-After", "")))
        return answer

    def _wait(self, state: tenacity.RetryCallState) -> None:
        self.count.repeated += 1
        if state.attempt_number == 1 and state.outcome is not None:
            self.tell(f"{self.url} takes no alert at the moment ({state.outcome.exception()}): it is sent again until it does.")

    def _judge(self, number: int, answer: httpx2.Response) -> None:
        found = _object(answer.content)
        if answer.status_code in HOPELESS:
            raise NotSent(f"{self.url} answered {answer.status_code}: {found.get('detail') or 'no more'}")
        if answer.status_code >= 300:
            self.count.refused += 1
            self.tell(f"Alert {number} was refused ({answer.status_code}): {found.get('detail') or answer.reason_phrase}")
            return
        self.count.accepted += 1
        self.count.duplicates += bool(found.get("duplicate"))


def read(path: Path) -> Iterator[bytes]:
    """Yield the alerts of a file as bytes: a document a line, or one JSON document or array; raises ValueError, OSError."""
    with path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"").strip()
        if not first.startswith(b"[") and _object(first):
            yield first
            yield from (line.strip() for line in file if line.strip())
            return
    found = json.loads(path.read_bytes())
    for item in found if isinstance(found, list) else [found]:
        yield json.dumps(item).encode()


def again_and_again(path: Path, *, forever: bool, as_new: bool) -> Iterator[bytes]:
    """Yield the alerts of a file, round after round where asked to; `as_new` makes each one that never was."""
    run, number = secrets.token_hex(4), 0
    while True:
        for body in read(path):
            number += 1
            yield renewed(body, f"replay-{run}-{number}", dt.datetime.now(dt.UTC)) if as_new else body
        if not (forever and number):
            return


def renewed(body: bytes, name: str, now: dt.datetime) -> bytes:
    """Return an alert under another id and at another time; what is no JSON object stays as it is."""
    document = _object(body)
    if not document:
        return body
    inner = document["_source"] if isinstance(document.get("_source"), dict) else document
    known = [path for path in IDS if _get(inner, path) is not None]
    for path in known or IDS[-1:]:
        _set(inner, path, name)
    # Of an EVE record the flow and the time are all that tells it from others.
    _set(inner, "timestamp" if "flow_id" in inner else "@timestamp", now.isoformat())
    return json.dumps(document).encode()


def _get(document: dict[str, Any], path: str) -> Any:
    if path in document:
        return document[path]
    outer, _, rest = path.partition(".")
    inner = document.get(outer)
    return _get(inner, rest) if rest and isinstance(inner, dict) else None


def _set(document: dict[str, Any], path: str, value: str) -> None:
    outer, _, rest = path.partition(".")
    inner = document.get(outer)
    if rest and path not in document and isinstance(inner, dict):
        _set(inner, rest, value)
    else:
        document[path] = value


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    named = error.pause if isinstance(error, _Passing) else None
    growing = tenacity.wait_random_exponential(multiplier=0.5, max=LONGEST_PAUSE)(state)
    return growing if named is None else min(named, LONGEST_PAUSE)


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() else None
