"""Process trees: the embedded shape's web, worker and ticker, or a machine's production workers.

A child that dies is started again; none outlives its parent.
"""

import dataclasses
import functools
import os
import signal
import subprocess
import sys
import time
from types import FrameType

import structlog

from runbookpilot import lifeline

log = structlog.get_logger(__name__)

GRACE = 15.0
STEADY = 60.0
#: Seconds that one rests at most which fails again and again, and one that was killed from outside, and has not failed itself.
LONGEST, AFTER_KILL = 30.0, 0.5


@dataclasses.dataclass(slots=True)
class Child:
    """A process that must run: how it is started, when it was, and how often it has failed since it last ran well."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    start_at: float = 0.0
    started_at: float = 0.0


def commands(*, host: str, port: int) -> list[Child]:
    """Return the children of the tree, web first."""
    python = sys.executable
    return [
        Child("web", web(host=host, port=port)),
        Child("worker", [python, "-m", "runbookpilot.worker"]),
        Child("ticker", [python, "-m", "runbookpilot.ticker"]),
    ]


def web(*, host: str, port: int, processes: int = 1) -> list[str]:
    """Return the command that serves the web."""
    return [
        sys.executable,
        "-m",
        "uvicorn",
        "runbookpilot.asgi:application",
        "--host",
        host,
        "--port",
        str(port),
        "--lifespan",
        "off",
        "--no-access-log",
        "--log-level",
        "warning",
        "--no-server-header",
        *(["--workers", str(processes)] if processes > 1 else []),
    ]


def run(*, host: str, port: int) -> int:
    """Run the tree until SIGINT or SIGTERM; return 0 after an orderly end."""
    return tend(commands(host=host, port=port), grace=GRACE)


def tend(children: list[Child], *, grace: float) -> int:
    """Keep children running until SIGINT or SIGTERM, and give them `grace` seconds to end; return 0."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    while not stopping:
        for child in children:
            _keep_alive(child)
        time.sleep(0.1)
    _end(children, grace)
    return 0


def _keep_alive(child: Child) -> None:
    if child.process is None:
        if time.monotonic() >= child.start_at:
            hold = functools.partial(lifeline.hold, os.getpid())
            child.process = subprocess.Popen(child.command, start_new_session=True, preexec_fn=hold)  # noqa: PLW1509
            child.started_at = time.monotonic()
        return
    code = child.process.poll()
    if code is None:
        return
    # One that ran well for a while did not fail at its start: it is given a fresh one.
    child.failures = 1 if time.monotonic() - child.started_at > STEADY else child.failures + 1
    longest = AFTER_KILL if code == -signal.SIGKILL else LONGEST
    child.start_at = time.monotonic() + min(0.5 * 2 ** min(child.failures, 8), longest)
    child.process = None
    log.error("child_died", child=child.name, code=code, failures=child.failures)


def _end(children: list[Child], grace: float = 0.0) -> None:
    running = [child.process for child in children if child.process and child.process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + (grace or GRACE)
    for process in running:
        try:
            process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
