"""An outage of the broker as its users live through it, with numbers.

`python -m tests.production.outage --minutes 5 --kind mute` runs one by hand, over a database of its own, and says what held.
"""

import argparse
import contextlib
import dataclasses
import http.cookiejar
import json
import os
import re
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos.aftermath import GAPS
from tests.chaos.tree import CLI, scratch_database
from tests.production.shape import Production, Redis, Watcher, alert_of, own_redis, until

SERVER = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
#: Seconds within which everything has to have gone on by itself, once Redis is back.
RESUMED = 60.0
#: As many alerts at once as a busy source sends.
BURST = 24
PASSWORD = "a long pass phrase"


@contextlib.contextmanager
def stopped(broker: Redis) -> Iterator[None]:
    """Redis is told to end, and comes back empty."""
    assert broker.process is not None
    broker.process.send_signal(signal.SIGTERM)
    broker.process.wait(10)
    yield
    broker.start()


@contextlib.contextmanager
def frozen(broker: Redis) -> Iterator[None]:
    """Redis keeps its connections and takes new ones, and answers none; then it does all that it was asked."""
    assert broker.process is not None
    broker.process.send_signal(signal.SIGSTOP)
    yield
    broker.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def mute(broker: Redis) -> Iterator[None]:
    """Something else has the port, takes connections and never says a word; then Redis comes back empty."""
    broker.kill()
    with socket.create_server(("127.0.0.1", broker.port), backlog=512):
        yield
    broker.start()


KINDS: dict[str, Callable[[Redis], contextlib.AbstractContextManager[None]]] = {
    "stopped": stopped,
    "frozen": frozen,
    "mute": mute,
}


class Person:
    """Somebody at the console, with a session."""

    def __init__(self, house: Production, name: str) -> None:
        self.at = f"http://127.0.0.1:{house.port}/admin/"
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.read("login/")
        self.send("login/", username=name, password=PASSWORD)
        assert any(cookie.name.endswith("sessionid") for cookie in self.jar), f"{name} could not log in"

    def read(self, path: str) -> str:
        with self.opener.open(self.at + path, timeout=30) as answer:
            return str(answer.read().decode())

    def send(self, path: str, **fields: str) -> str:
        token = next(cookie.value for cookie in self.jar if cookie.name.endswith("csrftoken"))
        content = urllib.parse.urlencode({**fields, "csrfmiddlewaretoken": token}).encode()
        request = urllib.request.Request(self.at + path, content, {"Referer": self.at + path})
        with self.opener.open(request, timeout=30) as answer:
            return str(answer.read().decode())

    def approve(self, request: str) -> None:
        """Approve as the page of a request lets one: the digest that it shows."""
        path = f"now/approvals/{uuid.UUID(request)}"
        digest = re.search(r'name="digest" value="(\w+)"', self.read(path))
        assert digest is not None, "the page lets nobody approve"
        answered = self.send(f"{path}/decide", verdict="approve", digest=digest[1], reason="seen in the outage")
        assert "your approval counts" in answered or "approved; it runs now" in answered, answered


@dataclasses.dataclass
class Numbers:
    """What was measured."""

    kind: str
    seconds: float
    alerts: list[float] = dataclasses.field(default_factory=list)
    burst_before: list[float] = dataclasses.field(default_factory=list)
    burst: list[float] = dataclasses.field(default_factory=list)
    pages: list[float] = dataclasses.field(default_factory=list)
    approvals: list[float] = dataclasses.field(default_factory=list)
    driven: int = 0
    went_on: int = 0
    resumed: float = 0.0
    all_resumed: float = 0.0
    completed: float = 0.0

    def rows(self) -> Iterator[tuple[str, object]]:
        """Return names and numbers, times in milliseconds."""
        yield from (("kind", self.kind), ("seconds", round(self.seconds)))
        for name in ("alerts", "burst_before", "burst", "pages", "approvals"):
            found = getattr(self, name)
            yield (
                f"{name.replace('_', ' ')}: number, median, p95, slowest (ms)",
                (len(found), *(round(1000 * of(found)) for of in (statistics.median, p95, max))),
            )
        yield "executions under way when it began, and of these at their approval before its end", (self.driven, self.went_on)
        yield "first of the outage's alerts goes on after (s)", round(self.resumed, 1)
        yield "all of them wait for people after (s)", round(self.all_resumed, 1)
        yield "what was approved in the outage is complete after (s)", round(self.completed, 1)


def p95(found: list[float]) -> float:
    return sorted(found)[max(0, -(-len(found) * 95 // 100) - 1)]


class Outage:
    """One outage over a running house: what people and programs do in it, and what has to hold after it."""

    def __init__(self, house: Production, seen: Watcher, kind: str, seconds: float) -> None:
        self.house, self.seen = house, seen
        self.numbers = Numbers(kind, seconds)
        self.hosts: dict[str, list[str]] = {part: [] for part in ("waiting", "running", "outage", "burst")}
        self.errors: list[str] = []

    def live_through(self) -> Numbers:
        """Prepare, break, live, mend, and wait until all has gone on."""
        names = [name for (name,) in self.seen.eyes.rows("SELECT username FROM accounts_user ORDER BY id")]
        analyst, lead = (Person(self.house, name) for name in names[-2:])
        self._post_all("waiting", 4)
        self.seen.reaches("awaiting_approval", *self.hosts["waiting"])
        self.numbers.burst_before = self._burst()
        self.seen.reaches("awaiting_approval", *self.hosts["burst"], seconds=90)
        self._post_all("running", 4)
        driven = self._under_way()
        with KINDS[self.numbers.kind](self.house.redis):
            self._live([analyst, lead])
            statuses = self.seen.statuses()
        self.numbers.driven = len(driven)
        self.numbers.went_on = sum(statuses[host] == "awaiting_approval" for host in driven)
        self._resume()
        assert not self.errors, self.errors[:5]
        return self.numbers

    def finish(self) -> None:
        """Approve what is left, until every execution is complete and everybody has been told; nothing may have given up."""
        tokens = self.house.tokens

        def voted() -> bool:
            for item in self.house.rest("approvals?status=pending&page_size=100", tokens[0])["results"]:
                self.house.rest(f"approvals/{item['id']}/approve", tokens[len(item["decisions"])], {"digest": item["digest"]})
            ended = all(status == "completed" for status in self.seen.statuses().values())
            return ended and self.seen.eyes.rows("SELECT count(*) FROM audit_delivery") == [(0,)]

        until(voted, self._counted, seconds=300)

    def violations(self) -> list[str]:
        """Return in sentences what was lost, came twice, or does not verify."""
        rows, every = self.seen.eyes.rows, [host for hosts in self.hosts.values() for host in hosts]
        found = [f"{host} was accepted and is not there" for host in set(every) - set(self.seen.statuses())]
        found += [
            f"{host} started {count} executions"
            for host, count in rows(
                "SELECT a.host, count(e.id) FROM incidents_alert a LEFT JOIN playbooks_app_execution e ON e.alert_id = a.id GROUP BY a.host"
            )
            if count != 1
        ]
        found += [
            f"{host} was isolated {count} times"
            for host, count in rows(
                "SELECT a.host, (SELECT count(*) FROM adapters_mockcall c WHERE c.action = 'edr.isolate_host' AND c.params->>'host' = a.host)"
                " FROM incidents_alert a"
            )
            if count != 1
        ]
        found += [f"{row[0]} has gaps: {row[1:]}" for row in rows(GAPS)]
        done = self.house.run(*CLI, "audit", "verify")
        return found + ([done.stdout + done.stderr] if done.returncode else [])

    def _under_way(self) -> list[str]:
        """Return whose executions a worker drives, as soon as there are any."""
        statement = (
            "SELECT a.host FROM playbooks_app_execution e JOIN incidents_alert a ON a.id = e.alert_id WHERE e.lease_owner <> ''"
        )
        found: list[str] = []

        def look() -> bool:
            found[:] = [host for (host,) in self.seen.eyes.rows(statement)]
            return bool(found)

        until(look, "nothing is under way", seconds=30)
        return found

    def _live(self, people: list[Person]) -> None:
        """Do what people and programs do, until the time is over."""
        ends = time.monotonic() + self.numbers.seconds
        with self._doing(ends, self._send_alerts), self._doing(ends, lambda: self._look(people[0])):
            self.numbers.burst = self._burst()
            self._approve(people)
            status, text = self.house.get("readyz")
            assert (status, '"degraded"' in text) == (200, True), text
            assert self.house.get("metrics")[0] == 200
            time.sleep(max(ends - time.monotonic(), 0))

    @contextlib.contextmanager
    def _doing(self, ends: float, what: Callable[[], None]) -> Iterator[None]:
        """Do something again and again beside the block, once a second, until the end."""

        def again() -> None:
            while time.monotonic() < ends:
                began = time.monotonic()
                try:
                    what()
                except (OSError, AssertionError) as error:
                    self.errors.append(f"{type(error).__name__}: {error}")
                time.sleep(max(began + 1 - time.monotonic(), 0))

        thread = threading.Thread(target=again, daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join(60)

    def _send_alerts(self) -> None:
        self.numbers.alerts.append(timed(lambda: self._post("outage")))

    def _look(self, person: Person) -> None:
        texts: list[str] = []
        self.numbers.pages.append(timed(lambda: texts.append(person.read("now/approvals"))))
        assert "Approvals" in texts[0]

    def _burst(self) -> list[float]:
        with ThreadPoolExecutor(BURST) as pool:
            return list(pool.map(lambda _: timed(lambda: self._post("burst")), range(BURST)))

    def _approve(self, people: list[Person]) -> None:
        marks = ", ".join(["?"] * len(self.hosts["waiting"]))
        statement = f"SELECT id FROM approvals_request WHERE status = 'pending' AND target IN ({marks})"
        for (request,) in self.seen.eyes.rows(statement, *self.hosts["waiting"]):
            for person in people:
                self.numbers.approvals.append(timed(lambda person=person, request=str(request): person.approve(request)))

    def _resume(self) -> None:
        """Wait until everything has gone on without anybody."""
        began = time.monotonic()
        new = self.hosts["outage"] + self.hosts["burst"] + self.hosts["running"]
        reached: dict[str, float] = {}

        def look() -> bool:
            statuses, at = self.seen.statuses(), time.monotonic() - began
            if any(statuses.get(host) not in (None, "None", "idle") for host in self.hosts["outage"]):
                reached.setdefault("resumed", at)
            if all(statuses.get(host) == "awaiting_approval" for host in new):
                reached.setdefault("all_resumed", at)
            if all(statuses.get(host) == "completed" for host in self.hosts["waiting"]):
                reached.setdefault("completed", at)
            return len(reached) == 3

        until(look, lambda: f"{reached} {self._counted()}", seconds=3 * RESUMED)
        for name, at in reached.items():
            setattr(self.numbers, name, at)

    def _counted(self) -> str:
        """Return how many executions stand where, and the end of the worker's log."""
        return f"{Counter(self.seen.statuses().values())}\n{self.house.log('worker')[-2000:]}"

    def _post_all(self, part: str, count: int) -> None:
        for _ in range(count):
            self._post(part)

    def _post(self, part: str) -> None:
        host = f"ws-{self.numbers.kind}-{part}-{uuid.uuid4().hex[:8]}"
        self.house.rest("alerts", self.house.tokens[0], alert_of(host))
        self.hosts[part].append(host)


def timed(what: Callable[[], object]) -> float:
    began = time.monotonic()
    what()
    return time.monotonic() - began


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=5.0)
    options.add_argument("--kind", choices=[*KINDS], default="stopped")
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="outage-"))
    with scratch_database(SERVER, f"outage_{os.getpid()}") as url, own_redis(folder) as broker:
        house = Production(folder, url, broker)
        done = house.run(CLI[0], "-m", "tests.chaos.prepare", "50")
        assert done.returncode == 0, done.stderr
        house.tokens = json.loads(done.stdout)
        seen = Watcher(house)
        try:
            house.start()
            outage = Outage(house, seen, given.kind, given.minutes * 60)
            numbers = outage.live_through()
            outage.finish()
            found = outage.violations()
        finally:
            seen.eyes.close()
            house.end()
    for name, number in numbers.rows():
        sys.stdout.write(f"  {name:<84}{number!s:>24}\n")
    sys.stdout.writelines(f"  ! {sentence}\n" for sentence in found)
    sys.stdout.write(f"  logs: {folder}\n")
    return 1 if found or numbers.all_resumed > RESUMED else 0


if __name__ == "__main__":
    sys.exit(main())
