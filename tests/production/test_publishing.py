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


def durations(port: int, data: Path) -> list[float]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOKPILOT_")}
    environ = {
        **known, "RUNBOOKPILOT_TASKS": "celery", "RUNBOOKPILOT_REDIS_URL": f"redis://127.0.0.1:{port}/0", "RUNBOOKPILOT_DATA": str(data),
        "DJANGO_SETTINGS_MODULE": "runbookpilot.settings", "PYTHONPATH": str(ROOT), "ENV_FILE": "/nonexistent",
    }  # fmt: skip
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
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
