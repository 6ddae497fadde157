"""B1 to B4: executions of ten steps on PostgreSQL, alone and under real workers, beside DBOS and the bare transition."""

import collections
import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection

from benchmarks import peers, places, worlds
from benchmarks.lines import Line, Target
from playbooks_app.models import Execution, PlaybookVersion

WARM_UP = 5
ALONE = 20
AT_ONCE = 80
WAITING = 100
#: Two processes: 8 executions at once, and as many as all that wait on networks.
EIGHT, HUNDRED = 4, 50

Figures = dict[str, list[float]]


def measure(benches: list[str]) -> None:
    """Measure ours and the peers in turn, then print a line each."""
    world = worlds.make()
    quick, slow = world.playbook("nothing", "nothing.read"), world.playbook("waiting", "waiting.read")
    size = places.sizes()
    ways: dict[str, Callable[[], float]] = {
        "B1": lambda: alone(world, quick, size.of(ALONE)),
        "B2": lambda: under_workers(world, quick, size.of(AT_ONCE), EIGHT, rate=True),
        "B3": lambda: under_workers(world, slow, size.of(WAITING), HUNDRED, rate=False),
    }
    for _ in range(WARM_UP):
        world.run(quick)
    ours: Figures = collections.defaultdict(list)
    theirs: dict[str, list[float | None]] = collections.defaultdict(list)
    with places.database("peer") as url:
        for _ in range(size.rounds):
            places.analyze(os.environ["RUNBOOKPILOT_DATABASE_URL"])
            places.analyze(url)
            for bench, way in ways.items():
                if bench in benches or (bench == "B1" and "B4" in benches):
                    ours[bench].append(way())
            _compare(benches, url, theirs)
    _show(benches, ours, theirs)


def alone(world: worlds.World, version: PlaybookVersion, count: int) -> float:
    """Return steps a second, one execution after another on this thread; nothing is handed to workers."""
    backend, settings.TASK_BACKEND = settings.TASK_BACKEND, "core.tasks.drop"
    try:
        begun = time.perf_counter()
        for _ in range(count):
            world.run(version)
        return count * worlds.STEPS / (time.perf_counter() - begun)
    finally:
        settings.TASK_BACKEND = backend


def under_workers(world: worlds.World, version: PlaybookVersion, count: int, concurrency: int, *, rate: bool) -> float:
    """Return steps a second, or the seconds that all took, from the first start to the last end, driven by worker processes."""
    with workers(concurrency):
        # Processes that have just started have everything yet to import, connect and prepare.
        _finished(world, version, 4 * concurrency if rate else 2 * concurrency)
        seconds = _finished(world, version, count)
    return count * worlds.STEPS / seconds if rate else seconds


@contextlib.contextmanager
def workers(concurrency: int, processes: int = 2) -> Iterator[None]:
    """Real workers, and the beat that finds what a broker lost."""
    data = Path(os.environ["RUNBOOKPILOT_DATA"])
    command = [*places.CLI, "worker", "--processes", str(processes), "--concurrency", str(concurrency)]
    with (
        places.running(command, dict(os.environ), data / "worker.log"),
        places.running([*places.CLI, "beat"], dict(os.environ), data / "beat.log"),
    ):
        yield


def _finished(world: worlds.World, version: PlaybookVersion, count: int) -> float:
    """Start executions and return after how many seconds the last has ended; raises where one did not complete."""
    begun = time.perf_counter()
    ids = [world.start(version) for _ in range(count)]
    rows = Execution.objects.filter(pk__in=ids)
    places.until(lambda: rows.filter(status="completed").count() == count, f"not all of {count} executions completed", seconds=120)
    seconds = time.perf_counter() - begun
    connection.close()
    return seconds


def _compare(benches: list[str], url: str, theirs: dict[str, list[float | None]]) -> None:
    if {"B1", "B2", "B3"} & set(benches):
        found = peers.dbos(url)
        for name in ("c1", "c8", "waiting"):
            theirs[name].append(found.get(name))
    if "B2" in benches:
        theirs["celery"].append(peers.celery(settings.REDIS_URL))
    if "B4" in benches:
        theirs["bare"].append(peers.transitions(url))


def _show(benches: list[str], ours: Figures, theirs: dict[str, list[float | None]]) -> None:
    noop = [value for value in theirs["celery"] if value is not None]
    shown = {
        "B1": Line(
            bench="B1", what="10 steps, one execution at a time", unit="steps/s", target=Target("ratio", ">=", 1.5, 2),
            ours=ours["B1"], peer=theirs["c1"], peer_name="DBOS",
        ),
        "B2": Line(
            bench="B2", what="10 steps, 8 executions at once under workers", unit="steps/s", target=Target("ratio", ">=", 2, 3),
            ours=ours["B2"], peer=theirs["c8"], peer_name="DBOS", also={"celery_noop_tasks_per_s": noop},
        ),
        "B3": Line(
            bench="B3", what="100 executions of 10 steps that wait 0.1 s", unit="s", target=Target("ours", "<=", 2.5, 2), rates=False,
            ours=ours["B3"], peer=theirs["waiting"], peer_name="DBOS", also={"ideal": 1.0},
        ),
        "B4": Line(
            bench="B4", what="B1 as a share of bare transitions", unit="steps/s", target=Target("ratio", ">=", 0.12, 0.2),
            ours=ours["B1"], peer=theirs["bare"], peer_name="one UPDATE and one INSERT a transaction",
        ),
    }  # fmt: skip
    for bench in benches:
        if ours["B1" if bench == "B4" else bench]:
            shown[bench].show()
