"""The embedded shape as one process tree: web, worker, ticker. A child that dies is started again; none outlives its parent."""

import ctypes
import dataclasses
import os
import signal
import subprocess
import sys
import time
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

GRACE = 15.0
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclasses.dataclass(slots=True)
class Child:
    """A process that must run: how it is started, and since when it has been failing."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    start_at: float = 0.0


def commands(*, host: str, port: int) -> list[Child]:
    """Return the children of the tree, web first."""
    python = sys.executable
    web = [
        python,
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
    ]
    return [
        Child("web", web),
        Child("worker", [python, "-m", "runbookpilot.worker"]),
        Child("ticker", [python, "-m", "runbookpilot.ticker"]),
    ]


def run(*, host: str, port: int) -> int:
    """Run the tree until SIGINT or SIGTERM; return 0 after an orderly end."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    children = commands(host=host, port=port)
    while not stopping:
        for child in children:
            _keep_alive(child)
        time.sleep(0.1)
    _end(children)
    return 0


def _keep_alive(child: Child) -> None:
    if child.process is None:
        if time.monotonic() >= child.start_at:
            child.process = subprocess.Popen(child.command, start_new_session=True, preexec_fn=_die_with(os.getpid()))  # noqa: PLW1509
        return
    code = child.process.poll()
    if code is None:
        return
    child.failures += 1
    child.start_at = time.monotonic() + min(0.5 * 2**child.failures, 30.0)
    child.process = None
    log.error("child_died", child=child.name, code=code, failures=child.failures)


def _die_with(parent: int):  # type: ignore[no-untyped-def]
    """Return what a child does first: ask the kernel to kill it when its parent dies (Linux only)."""

    def ask() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _end(children: list[Child]) -> None:
    running = [child.process for child in children if child.process and child.process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + GRACE
    for process in running:
        try:
            process.wait(max(deadline - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
