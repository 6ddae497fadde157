"""The production shape as real processes: Redis, web, worker and beat on a PostgreSQL database of their own."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis

from tests.chaos.tree import CLI, PATIENCE, ROOT, Eyes, Tree, free_port


class Redis:
    """A redis-server of our own, which keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(port=self.port, socket_timeout=5)

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        until(lambda: self._answers(), "redis-server did not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def flush(self) -> None:
        with self.client as client:
            client.flushall()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError), self.client as client:
            return bool(client.ping())
        return False


class Production(Tree):
    """Web, worker and beat, each started and ended by itself."""

    def __init__(self, data: Path, database_url: str, broker: Redis) -> None:
        super().__init__(data, database_url)
        self.redis = broker
        self.environ |= {"RUNBOOKPILOT_TASKS": "celery", "RUNBOOKPILOT_REDIS_URL": broker.url}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.tokens: list[str] = []

    def start(self) -> None:
        self.start_web()
        self.begin_worker()
        self.begin_beat()

    def start_web(self) -> None:
        self.begin("web", *CLI, "web", "--port", str(self.port))
        until(self._ready, "The web did not start", seconds=PATIENCE)

    def begin(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        """Start a process, whose output goes to a file of its name."""
        with (self.data / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, env=self.environ, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        self.running[name] = process
        return process

    def log(self, name: str) -> str:
        return (self.data / f"{name}.log").read_text()

    def end(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self.running.values():
            process.wait()

    def begin_worker(self) -> subprocess.Popen[bytes]:
        return self.begin("worker", *CLI, "worker", "--concurrency", "4")

    def begin_beat(self, name: str = "beat") -> subprocess.Popen[bytes]:
        return self.begin(name, *CLI, "beat")

    def children(self, module: str) -> list[int]:
        """Return our processes that run this module."""
        return [pid for pid in self.processes() if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()]


class Watcher:
    """What a test waits for, seen in the database from outside."""

    def __init__(self, house: Production) -> None:
        self.house, self.eyes = house, Eyes(house)

    def statuses(self) -> dict[str, str]:
        statement = "SELECT a.host, e.status FROM incidents_alert a LEFT JOIN playbooks_app_execution e ON a.id = e.alert_id"
        return {host: str(status) for host, status in self.eyes.rows(statement)}

    def reaches(self, status: str, *hosts: str, seconds: float = 40.0) -> None:
        """Return when the executions of these hosts have this status."""
        until(
            lambda: all(self.statuses().get(host) == status for host in hosts),
            lambda: f"{self.statuses()}\n{self.house.log('worker')[-3000:]}",
            seconds=seconds,
        )


def alert_of(host: str) -> dict[str, Any]:
    return {"event": {"id": host}, "host": {"name": host}, "process": {"pid": 7}, "threat": {"technique": [{"id": "T1047"}]}}


def until(found: Callable[[], bool], why: str | Callable[[], str], *, seconds: float = 20.0) -> None:
    """Return when something is found; fail with the reason when it is not in time."""
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            raise AssertionError(why if isinstance(why, str) else why())
        time.sleep(0.05)


@contextlib.contextmanager
def own_redis(folder: Path) -> Iterator[Redis]:
    """A running Redis that is gone afterwards."""
    server = Redis(folder)
    try:
        yield server
    finally:
        server.kill()


def redis_is_there() -> bool:
    return shutil.which("redis-server") is not None
