"""The process tree: a child that dies is started again, and none outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbookpilot import supervisor
from runbookpilot.supervisor import Child

ROOT = Path(__file__).resolve().parent.parent.parent
SLEEP = "import time; time.sleep(60)"
FORKS = r"""
import os, sys, time
from runbookpilot import lifeline
lifeline.hold_every_fork()
if os.fork() == 0:
    child = os.fork()
    os.write(1, f'{child or os.getpid()}\n'.encode())
time.sleep(60)
"""


@pytest.fixture
def child() -> Iterator[Child]:
    made = Child("sleeper", [sys.executable, "-c", SLEEP])
    yield made
    supervisor._end([made])


def gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if "Z (zombie)" in Path(f"/proc/{pid}/status").read_text():
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="The kernel is asked on Linux alone.")
def test_what_a_held_process_forks_dies_with_it_at_any_depth() -> None:
    command = [sys.executable, "-c", FORKS]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert parent.stdout is not None
    grandchildren = [int(parent.stdout.readline()) for _ in range(2)]
    parent.kill()
    parent.communicate()
    assert all(gone(pid) for pid in grandchildren)


def test_a_child_is_started(child: Child) -> None:
    supervisor._keep_alive(child)
    assert child.process is not None
    assert child.process.poll() is None


def died(child: Child, *, of: signal.Signals = signal.SIGTERM) -> None:
    supervisor._keep_alive(child)
    assert child.process is not None
    child.process.send_signal(of)
    child.process.wait()
    supervisor._keep_alive(child)


def test_a_child_that_died_is_not_started_again_at_once(child: Child) -> None:
    died(child)
    supervisor._keep_alive(child)
    assert (child.process, child.failures) == (None, 1)


def test_a_child_that_died_is_started_again_after_a_pause(child: Child) -> None:
    died(child)
    child.start_at = 0.0
    supervisor._keep_alive(child)
    assert child.process is not None


def test_the_pause_grows_with_each_failure_and_has_an_end(child: Child) -> None:
    child.failures = 1000
    died(child)
    assert 25 < child.start_at - time.monotonic() <= 30


def test_a_child_that_was_killed_from_outside_is_back_soon(child: Child) -> None:
    child.failures = 1000
    died(child, of=signal.SIGKILL)
    assert child.start_at - time.monotonic() <= 0.5


def test_a_child_that_ran_well_for_long_is_started_again_soon(child: Child) -> None:
    child.failures = 9
    supervisor._keep_alive(child)
    child.started_at -= 2 * supervisor.STEADY
    died(child)
    assert child.failures == 1


def test_an_orderly_end_waits_for_children_to_go(child: Child) -> None:
    supervisor._keep_alive(child)
    process = child.process
    supervisor._end([child])
    assert process is not None
    assert process.poll() == -signal.SIGTERM


def test_a_child_that_ignores_the_request_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "GRACE", 0.2)
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); {SLEEP}"
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    process.stdout.readline()
    supervisor._end([Child("deaf", [], process)])
    process.stdout.close()
    assert process.poll() == -signal.SIGKILL


def test_the_tree_is_web_worker_and_ticker() -> None:
    children = supervisor.commands(host="127.0.0.1", port=8001)
    assert [child.name for child in children] == ["web", "worker", "ticker"]
    assert "8001" in children[0].command
