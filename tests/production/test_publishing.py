"""Nobody who publishes waits for a broker: one second at most, and then not at all for a while."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.paths import ROOT
from tests.chaos.tree import free_port

pytestmark = pytest.mark.production

#: Sends three tasks as a request does, and says how long each took.
PROGRAM = """
import json, time, django
django.setup()
from core import tasks
took = []
for _ in range(3):
    began = time.monotonic()
    tasks._send(tasks.Message("audit.tasks.sweep", {}, "housekeeping"))
    took.append(time.monotonic() - began)
print(json.dumps(took))
"""


@contextlib.contextmanager
def mute() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


#: Sends many at once, as a busy source makes requests do.
CROWD = """
import json, time, django
from concurrent.futures import ThreadPoolExecutor
django.setup()
from core import tasks
def send(_):
    began = time.monotonic()
    tasks._send(tasks.Message("audit.tasks.sweep", {}, "housekeeping"))
    return time.monotonic() - began
with ThreadPoolExecutor(25) as pool:
    took = list(pool.map(send, range(25)))
print(json.dumps(took))
"""

#: Sends on and on for longer than the broker is left alone.
STREAM = """
import json, time, django
django.setup()
from core import tasks
took = []
for _ in range(16):
    began = time.monotonic()
    tasks._send(tasks.Message("audit.tasks.sweep", {}, "housekeeping"))
    took.append(time.monotonic() - began)
    time.sleep(0.5)
print(json.dumps(took))
"""

#: Tries to connect as a worker does, and says how long it rested each time.
RESTS = """
import json, django
django.setup()
from runbookpilot.celery import app
rests = []
def note(error, rest):
    rests.append(rest)
    if len(rests) == 4:
        raise KeyboardInterrupt
try:
    app.connection_for_read().ensure_connection(note)
except KeyboardInterrupt:
    print(json.dumps(rests))
"""


def durations(port: int, data: Path, program: str = PROGRAM) -> list[float]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOKPILOT_")}
    environ = {
        **known, "RUNBOOKPILOT_TASKS": "celery", "RUNBOOKPILOT_REDIS_URL": f"redis://127.0.0.1:{port}/0", "RUNBOOKPILOT_DATA": str(data),
        "DJANGO_SETTINGS_MODULE": "runbookpilot.settings", "PYTHONPATH": str(ROOT), "ENV_FILE": "/nonexistent",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", program], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [float(value) for value in json.loads(done.stdout.splitlines()[-1])]


def test_a_broker_that_refuses_costs_no_time(tmp_path: Path) -> None:
    # The first loads the client.
    assert max(durations(free_port(), tmp_path)[1:]) < 0.1


def test_a_broker_that_never_answers_costs_a_second_once(tmp_path: Path) -> None:
    with mute() as port:
        first, *rest = durations(port, tmp_path)
    assert 0.9 < first < 3
    assert max(rest) < 0.1


def test_of_many_who_find_it_mute_together_none_waits_for_longer_than_the_first(tmp_path: Path) -> None:
    with mute() as port:
        found = durations(port, tmp_path, CROWD)
    assert max(found) < 1.9


def test_nobody_waits_again_while_it_stays_mute(tmp_path: Path) -> None:
    with mute() as port:
        _, *rest = durations(port, tmp_path, STREAM)
    assert max(rest) < 0.1


def test_a_worker_looks_for_its_broker_every_few_seconds_however_long_it_is_gone(tmp_path: Path) -> None:
    assert durations(free_port(), tmp_path, RESTS) == [2, 4, 4, 4]
