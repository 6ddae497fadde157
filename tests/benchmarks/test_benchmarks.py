"""Every benchmark runs to its end and prints lines that say what was measured. How fast it was is no matter here."""

import json
import os
import subprocess
import sys

import psycopg
import pytest

from benchmarks import __main__ as benchmarks
from benchmarks import places
from benchmarks.lines import Line, Target

SAID = {"bench", "ours", "peer", "ratio", "target", "met", "unit", "rounds", "ratios", "load1"}
TINY = {"ROUNDS": "1", "SCALE": "0.02", "PEER_PYTHON": ""}


def run(*benches: str) -> list[dict[str, object]]:
    """Run benchmarks at a tiny size and return their lines."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RUNBOOKPILOT_")}
    command = [sys.executable, "-m", "benchmarks", *benches]
    done = subprocess.run(command, cwd=places.ROOT, env=env | TINY, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def complete(lines: list[dict[str, object]], benches: set[str]) -> bool:
    return {line["bench"] for line in lines} == benches and all(line.keys() >= SAID and line["ours"] for line in lines)


@pytest.fixture
def server() -> None:
    try:
        psycopg.connect(places.SERVER, connect_timeout=3).close()
    except psycopg.OperationalError:
        pytest.skip("No PostgreSQL answers at the default address; set BENCH_POSTGRES_URL to use another.")


def test_a_benchmark_on_sqlite_prints_its_line() -> None:
    assert complete(run("B6"), {"B6"})


@pytest.mark.slow
@pytest.mark.parametrize("family", [family for family in benchmarks.FAMILIES if family.benches != ("B6",)], ids=lambda family: family.module)
def test_each_benchmark_runs_to_its_end(family: benchmarks.Family, server: None) -> None:
    assert complete(run(*family.benches), set(family.benches))


def test_a_benchmark_that_is_not_there_is_said() -> None:
    assert benchmarks.main(["B99"]) == 2


def test_what_is_slower_than_its_target_is_not_met(capsys: pytest.CaptureFixture[str]) -> None:
    Line(bench="B0", what="x", unit="s", target=Target("ratio", ">=", 2), rates=False, ours=[3.0, 1.0, 2.0], peer=[3.0, 3.0, 3.0]).show()
    line = json.loads(capsys.readouterr().out)
    assert (line["ours"], line["ratio"], line["met"]) == (2, 1.5, False)


def test_without_a_peer_nothing_is_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    Line(bench="B0", what="x", unit="1/s", target=Target("ratio", ">=", 2), ours=[5.0], peer=[None]).show()
    assert json.loads(capsys.readouterr().out)["met"] is None
