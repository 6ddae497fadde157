"""A bad day: 100 executions at once, 1,000 that wait for people and 10,000 alerts to decide, and somebody who needs the queue."""

import contextlib
import http.client
import json
import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from accounts.choices import Role
from accounts.models import User
from adapters import instances
from benchmarks import alerts as samples
from benchmarks import executions, places, web, worlds
from benchmarks.lines import Line, Target, p95
from core import clock
from incidents.models import Alert
from incidents.services import alerts
from playbooks_app.models import Execution

RUNNING, WAITING, QUEUED = 100, 1_000, 10_000
AT_ONCE = 500
SLOWEST_MS = 300
#: How much larger the processes may be at the end than once they have served for a while.
GROWTH = 1.15
PAUSE = 0.25


def measure(_benches: list[str]) -> None:
    """Prepare the day, let workers and a web process loose on it, and ask for the queue until all of it is done."""
    world, size = worlds.make(), places.sizes()
    slow = world.playbook("waiting", "waiting.read")
    _ask_for_approvals(world, size.of(WAITING))
    count = size.of(QUEUED)
    _queue_alerts(world, count)
    call_command("collectstatic", interactive=False, verbosity=0)
    cookie = _session(world.person(Role.ANALYST)[0])
    connection.close()
    with web.serving() as port, executions.workers(executions.HUNDRED), _browser(port, cookie) as browser:
        browser.ask()
        ids = [world.start(slow) for _ in range(size.of(RUNNING))]
        took, memory, begun = [], [], time.perf_counter()
        while not _over(ids):
            took.append(browser.ask())
            memory.append(_memory())
            time.sleep(PAUSE)
        seconds = time.perf_counter() - begun
    settled = memory[len(memory) // 3 :]
    growth = round(settled[-1] / settled[0], 3)
    lost = count - Alert.objects.exclude(decided_at=None).count()
    Line(
        bench="CROWD", what="the queue page while 100 run, 1,000 wait and 10,000 alerts are decided, p95", unit="ms",
        target=Target("ours", "<=", SLOWEST_MS), rates=False, ours=[p95(took) * 1000],
        also={"asked": len(took), "seconds": round(seconds, 1), "alerts_undecided": lost, "memory_mb": round(settled[-1]), "memory_growth": growth},
        holds=not lost and growth <= GROWTH,
    ).show()  # fmt: skip


def _ask_for_approvals(world: worlds.World, count: int) -> None:
    instances.create(environment=world.environment, adapter="mock-edr", name="edr", actor=worlds.SETUP, now=clock.now())
    write = {"id": "isolate", "action": "edr.isolate_host", "with": {"host": "ws-1"}}
    version = world.activated({"level": "L1", "steps": [write], "approval_policy": {"timeout": "24h"}}, "asking")
    backend, settings.TASK_BACKEND = settings.TASK_BACKEND, "core.tasks.drop"
    try:
        for _ in range(count):
            world.run(version)
    finally:
        settings.TASK_BACKEND = backend


def _queue_alerts(world: worlds.World, count: int) -> None:
    for begin in range(0, count, AT_ONCE):
        lines = [json.dumps(samples.alert(number)) for number in range(begin, min(begin + AT_ONCE, count))]
        alerts.ingest(
            tenant=world.tenant, environment=world.environment, body="\n".join(lines).encode(), content_type="application/x-ndjson",
            headers={}, source=None, trigger_source="", actor=worlds.SETUP, now=clock.now(),
        )  # fmt: skip


def _session(user: User) -> str:
    store = SessionStore()
    store.update({
        SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend", HASH_SESSION_KEY: user.get_session_auth_hash(),
    })  # fmt: skip
    store.save()
    return f"{settings.SESSION_COOKIE_NAME}={store.session_key}"


class _Browser:
    """Somebody who looks at the queue again and again."""

    def __init__(self, port: int, cookie: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.headers = {"Cookie": cookie}

    def ask(self) -> float:
        """Return how many seconds the page took; raises where it was not shown."""
        begun = time.perf_counter()
        self.connection.request("GET", reverse("admin:approvals"), headers=self.headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            log = (Path(os.environ["RUNBOOKPILOT_DATA"]) / "web.log").read_text()
            raise RuntimeError(f"the queue answered {answer.status}: {log[-1500:] or body[:300]!r}")
        return time.perf_counter() - begun


@contextlib.contextmanager
def _browser(port: int, cookie: str) -> Iterator[_Browser]:
    browser = _Browser(port, cookie)
    try:
        yield browser
    finally:
        browser.connection.close()


def _over(ids: list[uuid.UUID]) -> bool:
    left = Alert.objects.filter(decided_at=None).exists()
    return not left and not Execution.objects.filter(pk__in=ids).exclude(status="completed").exists()


def _memory() -> float:
    """Return the resident memory of all processes below this one, in MB."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError, ValueError):
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            parents[int(fields["Pid"])] = (int(fields["PPid"]), int(fields.get("VmRSS", "0 kB").split()[0]) / 1024)
    return sum(size for pid, (_, size) in parents.items() if pid != os.getpid() and _below(pid, parents))


def _below(pid: int, parents: dict[int, tuple[int, float]]) -> bool:
    while pid in parents and pid != os.getpid():
        pid = parents[pid][0]
    return pid == os.getpid()
