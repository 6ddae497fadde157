"""Where a benchmark works: a database, a Redis and a folder of its own, which are gone afterwards."""

import contextlib
import dataclasses
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import redis
from psycopg import sql

ROOT = Path(__file__).resolve().parents[1]
SERVER = os.environ.get("BENCH_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
CLI = [sys.executable, "-c", "from runbookpilot.cli import main; main()"]
PATIENCE = 60.0


class NotHere(Exception):
    """What this benchmark needs is not on this machine."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sizes:
    """How many rounds are measured, and how large: `scale` 1 is what the targets speak of."""

    rounds: int
    scale: float

    def of(self, count: int) -> int:
        """Return a count at this scale, at least 1."""
        return max(1, round(count * self.scale))


def sizes() -> Sizes:
    """Return what ROUNDS and SCALE ask for."""
    return Sizes(int(os.environ.get("ROUNDS") or 5), float(os.environ.get("SCALE") or 1))


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A data folder."""
    path = Path(tempfile.mkdtemp(prefix="runbookpilot-bench-", dir=os.environ.get("BENCH_DIR")))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def database(name: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database; raises NotHere."""
    full = f"runbookpilot_bench_{name}_{os.getpid()}"
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(full))
    try:
        connection = psycopg.connect(SERVER, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        raise NotHere("no PostgreSQL answers; set BENCH_POSTGRES_URL to one where databases can be made") from error
    with connection:
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(full)))
        try:
            yield SERVER.rsplit("/", 1)[0] + f"/{full}"
        finally:
            connection.execute(drop)


@contextlib.contextmanager
def broker(path: Path) -> Iterator[str]:
    """The URL of a Redis that keeps nothing; raises NotHere."""
    if shutil.which("redis-server") is None:
        raise NotHere("there is no redis-server on the PATH")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", str(path)]
    with running(command, dict(os.environ), path / "redis.log"):
        with redis.Redis(port=port) as client:
            until(lambda: _answers(client), "redis-server did not start")
        yield f"redis://127.0.0.1:{port}/0"


def environ(data: Path, *, database_url: str = "", redis_url: str = "", **more: str) -> dict[str, str]:
    """Return the environment of a process of ours, with none of the operator's settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOKPILOT_")}
    return own | {
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "ENV_FILE": os.devnull,
        "PYTHONPATH": str(ROOT),
        "RUNBOOKPILOT_DATA": str(data),
        "RUNBOOKPILOT_DATABASE_URL": database_url,
        "RUNBOOKPILOT_REDIS_URL": redis_url,
        "RUNBOOKPILOT_TASKS": "celery" if redis_url else "q2",
        "RUNBOOKPILOT_LOG_LEVEL": "WARNING",
        **more,
    }


@contextlib.contextmanager
def running(command: list[str], env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process, which is ended afterwards; its output goes to a file."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(found: Callable[[], bool], why: str, *, seconds: float = PATIENCE, pause: float = 0.02) -> None:
    """Return when something is found; raises TimeoutError with the reason."""
    deadline = time.monotonic() + seconds
    while not found():
        if time.monotonic() > deadline:
            raise TimeoutError(why)
        time.sleep(pause)


def analyze(url: str) -> None:
    """Let a database know its tables, as autovacuum does within its first minute: plans made for empty ones read all of them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("ANALYZE")


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(client: redis.Redis) -> bool:
    with contextlib.suppress(redis.RedisError):
        return bool(client.ping())
    return False
