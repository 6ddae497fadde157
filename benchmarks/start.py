"""B12: how long the command line takes from nothing to its answer."""

import os
import statistics
import subprocess
import time

from benchmarks import lines, places
from benchmarks.lines import Line, Target

TIMES = 20
PLAYBOOK = str(places.ROOT / "playbooks" / "wmi-lateral-movement.yaml")
COMMANDS = (("version", ["version"], 150.0), ("validate", ["validate", PLAYBOOK], 600.0))


def measure(_benches: list[str]) -> None:
    """Start each command some times; the interpreter alone, started in turn with it, is the floor."""
    # As an operator has them: the project's own settings.
    env = {name: value for name, value in os.environ.items() if name not in ("DJANGO_SETTINGS_MODULE", "RUNBOOKPILOT_LOG_LEVEL")}
    times = places.sizes().of(TIMES)
    for name, arguments, most in COMMANDS:
        ours, bare = [], []
        for _ in range(times + 1):
            ours.append(_took([*places.CLI, *arguments], env))
            bare.append(_took([places.CLI[0], "-c", "pass"], env))
        # The first one reads from the disk what the others find in memory, and writes bytecode.
        Line(
            bench="B12", what=f"cold start of `runbookpilot {name}`", unit="ms", target=Target("ours", "<=", most), rates=False,
            ours=ours[1:], peer=bare[1:], peer_name="the interpreter alone",
            also={"first": round(ours[0], 1), "p95": round(lines.p95(ours[1:]), 1), "min": round(min(ours[1:]), 1), "median": round(statistics.median(ours[1:]), 1)},
        ).show()  # fmt: skip


def _took(command: list[str], env: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=env, cwd=places.ROOT, check=True, capture_output=True, timeout=60)
    return (time.perf_counter() - begun) * 1000
