"""The two shapes as real processes that the storm may kill, freeze, starve and deceive, and that are started again."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from tests.chaos import cluster
from tests.chaos.cluster import Cluster
from tests.chaos.tree import CLI, ROOT, Eyes, Tree
from tests.production.shape import Production, Redis, redis_is_there, until

PLUGIN = {
    "METADATA": "Metadata-Version: 2.1\nName: chaos-vendor\nVersion: 1\n",
    "entry_points.txt": "[runbookpilot.adapters]\nchaos-edr = tests.chaos.plugin:Edr\nchaos-chat = tests.chaos.plugin:Chat\n",
}
#: Loaded by every process of the house before anything else: the one place that asks for the time is told another.
CLOCK = """
import datetime, os
from core import clock
real, path = clock.now, os.environ["CHAOS_CLOCK"]
def now():
    with open(path) as file:
        return real() + datetime.timedelta(seconds=float(file.read() or 0))
clock.now = now
"""


class House:
    """What both shapes have in common: a plug-in, a clock that can be set, processes by what they do."""

    tree: Tree
    #: What a process does, by a word of its command line.
    words: ClassVar[dict[str, str]]
    #: What may happen, and out of how many; most of it is a kill.
    faults: ClassVar[dict[str, int]] = {"kill worker": 24, "kill web": 3, "kill all": 1, "freeze worker": 3, "step clock": 2}

    @classmethod
    def missing(cls) -> list[str]:
        """Return the programs that this shape needs and that are not here."""
        return []

    def furnish(self, url: str) -> list[str]:
        """Fill the database before anything runs; return the tokens of two people."""
        folder = self.tree.data / "plugin" / "chaos_vendor-1.dist-info"
        folder.mkdir(parents=True)
        for name, text in PLUGIN.items():
            (folder / name).write_text(text)
        (folder.parent / "sitecustomize.py").write_text(CLOCK)
        self.set_clock(0)
        self.tree.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{folder.parent}"
        self.tree.environ["CHAOS_CLOCK"] = str(self.clock)
        done = self.tree.run(sys.executable, "-m", "tests.chaos.furnish", url)
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))

    @property
    def eyes(self) -> Eyes:
        return Eyes(self.tree)

    @property
    def clock(self) -> Path:
        """The file that says by how much the clock of the house is wrong."""
        return self.tree.data.parent / "clock"

    def set_clock(self, seconds: float) -> None:
        """Let every process of the house see another time from now on."""
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self.clock)

    def processes(self) -> dict[str, list[int]]:
        """Return the processes by what they do."""
        found: dict[str, list[int]] = {kind: [] for kind in self.words.values()}
        for pid in self.tree.processes():
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
                kind = next((kind for word, kind in self.words.items() if word in line), "")
                found.setdefault(kind, []).append(pid)
        return found

    def strike(self, pids: list[int], number: signal.Signals) -> int:
        """Send a signal; return how many it reached."""
        reached = 0
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                reached += 1
        return reached

    def start(self) -> None:
        raise NotImplementedError

    def tend(self) -> None:
        """Start again what has died."""
        raise NotImplementedError

    def heal(self) -> None:
        """End every fault that lasts."""
        for pids in self.processes().values():
            self.strike(pids, signal.SIGCONT)

    def end(self) -> None:
        self.tree.end()


class Embedded(House):
    """`runbookpilot up` with SQLite, on a file system that can be filled."""

    name = "embedded"
    words: ClassVar[dict[str, str]] = {
        "uvicorn": "web", "runbookpilot.worker": "worker", "runbookpilot.ticker": "ticker", "runbookpilot.cli": "supervisor",
    }  # fmt: skip
    faults: ClassVar[dict[str, int]] = {**House.faults, "kill supervisor": 3, "kill ticker": 2, "fill disk": 2}

    def __init__(self, folder: Path) -> None:
        self.disk = folder / "data"
        self.disk.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", str(self.disk)], check=False, capture_output=True
        )
        self.mounted = done.returncode == 0
        self.tree = Tree(self.disk)

    def start(self) -> None:
        self.tree.start()

    def tend(self) -> None:
        if self.tree.parent is None or self.tree.parent.poll() is not None:
            with (self.disk.parent / "up.log").open("ab") as log:
                self.tree.parent = subprocess.Popen(
                    [*CLI, "up", "--port", str(self.tree.port)], env=self.tree.environ, cwd=ROOT, stdout=log, stderr=log,
                    start_new_session=True,
                )  # fmt: skip

    def fill_disk(self) -> bool:
        """Leave not a byte on the file system; return whether that could be done."""
        if self.mounted:
            with (self.disk / "ballast").open("wb", buffering=0) as ballast:
                for size in (1 << 20, 1 << 12, 1 << 6):
                    with contextlib.suppress(OSError):
                        while True:
                            ballast.write(bytes(size))
        return self.mounted

    def heal(self) -> None:
        super().heal()
        (self.disk / "ballast").unlink(missing_ok=True)

    def end(self) -> None:
        super().end()
        if self.mounted:
            self._move_out()

    def _move_out(self) -> None:
        """Leave in the folder what lies on the file system, which goes; where that fails, the file system stays."""
        assert not self.tree.survivors(), "somebody still writes"
        kept = self.disk.with_name("kept")
        shutil.copytree(self.disk, kept, ignore=shutil.ignore_patterns("ballast"))
        subprocess.run(["umount", "--lazy", str(self.disk)], check=True)
        kept.replace(self.disk)


class Servers(House):
    """Web, workers as of several machines, and beat, with a PostgreSQL cluster and a Redis of their own.

    The supervisor of a machine starts a worker that was killed; one that dies time and again it starts later and later.
    Who is killed with its supervisor comes back at once, as a machine that is started anew.
    """

    name = "production"
    machines = 8
    words: ClassVar[dict[str, str]] = {
        "uvicorn": "web", "runbookpilot.consumer": "worker", "main()\0worker": "supervisor", "main()\0beat": "beat",
    }  # fmt: skip
    faults: ClassVar[dict[str, int]] = {
        **House.faults, "kill supervisor": 8, "kill beat": 2,
        "restart postgres": 1, "cut connections": 2, "restart redis": 2, "flush redis": 2,
    }  # fmt: skip

    @classmethod
    def missing(cls) -> list[str]:
        here = {"initdb": cluster.is_there(), "redis-server": redis_is_there()}
        return [program for program, found in here.items() if not found]

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster(folder / "postgres")
        (folder / "data").mkdir()
        self.redis = Redis(folder)
        self.tree = self.production = Production(folder / "data", self.cluster.url(), self.redis)

    def start(self) -> None:
        self.tend()
        until(self.production._ready, "The web did not start", seconds=90)

    def tend(self) -> None:
        commands = {
            "web": [*CLI, "web", "--port", str(self.tree.port)],
            "beat": [*CLI, "beat"],
            **{f"worker-{n}": [*CLI, "worker", "--concurrency", "4"] for n in range(self.machines)},
        }
        for name, command in commands.items():
            process = self.production.running.get(name)
            if process is None or process.poll() is not None:
                self.production.begin(name, *command)

    def restart_postgres(self) -> None:
        self.cluster.stop()
        self.cluster.start()

    def restart_redis(self) -> None:
        self.redis.kill()
        self.redis.start()

    def end(self) -> None:
        super().end()
        self.redis.kill()
        self.cluster.end()


SHAPES: dict[str, type[Embedded] | type[Servers]] = {"embedded": Embedded, "production": Servers}
