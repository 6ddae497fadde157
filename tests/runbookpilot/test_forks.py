"""A process that is forked never works on a connection of its parent's."""

import os
import subprocess
import sys
from pathlib import Path

from django.db import connection

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import os, sys
import django
django.setup()
from django.db import connection
from core import databases
databases.part_at_forks()

def session():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()" if connection.vendor == "postgresql" else "SELECT 1")
        return cursor.fetchone()[0], id(connection.connection)

mine = session()
kept = connection.connection
child = os.fork()
if not child:
    theirs = session()
    apart = connection.connection is not kept and (connection.vendor == "sqlite" or theirs[0] != mine[0])
    os._exit(0 if apart else 3)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status) or (0 if session() == mine else 4))
"""


def test_a_fork_opens_connections_of_its_own(tmp_path: Path) -> None:
    url = os.environ.get("RUNBOOKPILOT_DATABASE_URL", "") if connection.vendor == "postgresql" else ""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOKPILOT_")} | {
        "DJANGO_SETTINGS_MODULE": "runbookpilot.settings",
        "ENV_FILE": os.devnull,
        "PYTHONPATH": str(ROOT),
        "RUNBOOKPILOT_DATA": str(tmp_path),
        "RUNBOOKPILOT_DATABASE_URL": url,
    }
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
