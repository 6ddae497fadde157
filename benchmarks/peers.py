"""The peers and limits, run as they stand in the folder beside the project; without it, benchmarks run alone and say so."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import lines

SCRIPTS = Path(__file__).resolve().parents[2] / "shared" / "bench"


def dbos(database_url: str) -> dict[str, float]:
    """Return DBOS's figures of one round: steps/s alone (`c1`) and 8 at once (`c8`), seconds for 100 × 10 × 0.1 s (`waiting`).

    Empty where it is not installed.
    """
    python = os.environ.get("PEER_PYTHON", "")
    if not python or not _there("peer_dbos.py"):
        _say_once("DBOS is left out: make an environment for it and name its interpreter in PEER_PYTHON (benchmarks/README.md).")
        return {}
    found = _run(python, "peer_dbos.py", database_url.replace("postgresql://", "postgresql+psycopg://"), "1")
    names = {"dbos_c1": "c1", "dbos_c8": "c8", "dbos_100x10x0.1s": "waiting"}
    return {names[name]: _figure(line) for name, line in found.items()}


def transitions(database_url: str) -> float | None:
    """Return how many bare transitions a second PostgreSQL takes on one connection."""
    if not _there("limit_postgres.py"):
        return None
    return _figure(_run(sys.executable, "limit_postgres.py", database_url, "1")["postgres_transitions_1_per_commit"])


def celery(redis_url: str) -> float | None:
    """Return how many tasks a second Celery runs that do nothing."""
    if not _there("peer_celery.py"):
        return None
    return _figure(_run(sys.executable, "peer_celery.py", redis_url, "1")["celery_noop"])


def _there(script: str) -> bool:
    if (SCRIPTS / script).is_file():
        return True
    _say_once(f"{script} is left out: there is no folder ../shared/bench with it beside the project.")
    return False


def _run(python: str, script: str, *arguments: str) -> dict[str, dict[str, Any]]:
    # A peer gets no settings of ours.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("RUNBOOKPILOT_", "DJANGO_", "PYTHONPATH"))}
    done = subprocess.run([python, script, *arguments], cwd=SCRIPTS, env=environ, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise RuntimeError(f"{script} failed: {done.stderr[-2000:]}")
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {line["bench"]: line for line in found}


def _figure(line: dict[str, Any]) -> float:
    value = next(line[name] for name in ("steps_per_s", "seconds", "per_s", "tasks_per_s") if name in line)
    return float(value["median"] if isinstance(value, dict) else value)


@functools.cache
def _say_once(sentence: str) -> None:
    lines.say(sentence)
