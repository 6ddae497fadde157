"""A storm over a real installation: alerts and decisions over HTTP, a lying vendor, and one fault after another.

`python -m tests.chaos.storm --seed 7 --minutes 10 --every 6 --shape both`, or `--executions 1000` instead of minutes. The seed
decides what happens when; the end is a table, and the exit status says whether everything held.
"""

import argparse
import contextlib
import dataclasses
import random
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos import aftermath
from tests.chaos.houses import SHAPES, House
from tests.chaos.people import Crowd, Record
from tests.chaos.tree import ROOT, free_port
from tests.chaos.vendor import STATUS

#: A lease is 30 seconds: a worker that is frozen for longer wakes up without it.
FROZEN = 36.0
FULL = 6.0
STEPS = [45, 3600, -50, 7200, -3600, 90]
#: Executions that may be open at once; beyond, those who send alerts wait.
MOST = 100
#: Seconds in which everything has to end once the storm is over.
CALM = 300.0


@dataclasses.dataclass(frozen=True)
class Fault:
    """What happens, when (in seconds after the start), and the dice that choose whom it hits."""

    at: float
    name: str
    dice: float


def schedule(seed: str, every: float, weights: dict[str, int]) -> Iterator[Fault]:
    """Yield the faults of a storm without end, on average one in `every` seconds: the same for the same seed, pace and shape."""
    dice = random.Random(f"faults:{seed}:{sorted(weights.items())}")
    at = dice.uniform(4, 8)
    while True:
        yield Fault(at, dice.choices(list(weights), list(weights.values()))[0], dice.random())
        at += dice.uniform(0.5, 1.5) * every


class Storm:
    """One storm over one house."""

    def __init__(self, house: House, seed: str) -> None:
        self.house, self.seed = house, seed
        self.counts: Counter[str] = Counter()
        self.seconds = 0.0
        self._later: list[threading.Timer] = []

    @property
    def kills(self) -> int:
        """How many of the faults were kills."""
        return sum(count for name, count in self.counts.items() if name in self.house.faults and name.startswith("kill"))

    def rage(self, every: float, over: Callable[[], bool]) -> None:
        """Let one fault after another happen, and start again what died, until it is over."""
        began = time.monotonic()
        for fault in schedule(self.seed, every, self.house.faults):
            while time.monotonic() < began + fault.at and not over():
                self.house.tend()
                time.sleep(0.1)
            if over():
                break
            name = fault.name.replace(" ", "_")
            happened = getattr(self, name)(fault)
            self.counts[fault.name if happened else f"{fault.name} (could not be done)"] += 1
            with self.house.clock.with_name("faults.txt").open("a") as log:
                log.write(f"{time.time():.3f} {fault.name} {fault.dice:.3f}{'' if happened else ' could not be done'}\n")
        self.seconds = time.monotonic() - began
        for timer in self._later:
            timer.join()
        self.house.heal()

    def _kill(self, kinds: list[str], fault: Fault, *, all_of_them: bool = False) -> bool:
        found = self.house.processes()
        pids = sorted(pid for kind in kinds for pid in found.get(kind, []))
        chosen = pids if all_of_them else pids[int(fault.dice * len(pids)) :][:1]
        reached = self.house.strike(chosen, signal.SIGKILL)
        self.counts["processes killed"] += reached
        return bool(reached)

    def kill_worker(self, fault: Fault) -> bool:
        return self._kill(["worker"], fault)

    def kill_web(self, fault: Fault) -> bool:
        return self._kill(["web"], fault)

    def kill_ticker(self, fault: Fault) -> bool:
        return self._kill(["ticker"], fault)

    def kill_supervisor(self, fault: Fault) -> bool:
        return self._kill(["supervisor"], fault)

    def kill_beat(self, fault: Fault) -> bool:
        return self._kill(["beat"], fault)

    def kill_all(self, fault: Fault) -> bool:
        return self._kill(list(self.house.processes()), fault, all_of_them=True)

    def freeze_worker(self, fault: Fault) -> bool:
        """Stop a worker for longer than its leases last; then it goes on as if nothing had happened."""
        pids = sorted(self.house.processes()["worker"])
        chosen = pids[int(fault.dice * len(pids)) :][:1]
        self._after(FROZEN, lambda: self.house.strike(chosen, signal.SIGCONT))
        return bool(self.house.strike(chosen, signal.SIGSTOP))

    def step_clock(self, fault: Fault) -> bool:
        self.house.set_clock(STEPS[int(fault.dice * len(STEPS))])
        return True

    def fill_disk(self, _fault: Fault) -> bool:
        done = self.house.fill_disk()
        self._after(FULL, lambda: (self.house.disk / "ballast").unlink(missing_ok=True))
        return done

    def restart_postgres(self, _fault: Fault) -> bool:
        self.house.restart_postgres()
        return True

    def cut_connections(self, _fault: Fault) -> bool:
        self.counts["connections cut"] += self.house.cluster.cut()
        return True

    def restart_redis(self, _fault: Fault) -> bool:
        self.house.restart_redis()
        return True

    def flush_redis(self, _fault: Fault) -> bool:
        self.house.redis.flush()
        return True

    def _after(self, seconds: float, what) -> None:
        timer = threading.Timer(seconds, what)
        timer.daemon = True
        timer.start()
        self._later.append(timer)


def is_open(house: House, *, executions: bool = False) -> int:
    """Return how much has not ended, or how many executions alone; a great deal where the database does not answer."""
    try:
        return aftermath.under_way(house, aftermath.OPEN[:1] if executions else aftermath.OPEN)
    except (psycopg.Error, sqlite3.Error, OSError):
        return 10**6


def waiting(house: House) -> list[tuple[Any, ...]]:
    """Return the steps that wait for a person; none where the database does not answer."""
    try:
        return aftermath.waiting(house)
    except (psycopg.Error, sqlite3.Error, OSError):
        return []


@contextlib.contextmanager
def vendor(folder: Path, seed: str) -> Iterator[tuple[str, Record]]:
    """The vendor's process, which nothing of the storm touches."""
    port, record = free_port(), folder / "record.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.vendor", str(port), str(record), seed], cwd=ROOT, start_new_session=True
    )
    try:
        yield f"http://127.0.0.1:{port}/", Record(record)
    finally:
        process.kill()
        process.wait()


def calm(house: House) -> float:
    """Wait until every execution has ended; return after how many seconds, at most the patience there is."""
    began = time.monotonic()
    while time.monotonic() - began < CALM:
        house.tend()
        if not is_open(house):
            break
        time.sleep(1)
    return time.monotonic() - began


@dataclasses.dataclass(frozen=True)
class Wish:
    """What is asked for: a seed, a pace, and an end after so many minutes or, where given, so many executions."""

    seed: str
    every: float
    minutes: float
    executions: int = 0

    def __str__(self) -> str:
        end = f"{self.executions} executions" if self.executions else f"{self.minutes:g} minutes"
        return f"seed {self.seed}, {end}, a fault every {self.every:g} s"

    def again(self, shape: str) -> str:
        """Return the command that repeats it."""
        end = f"EXECUTIONS={self.executions}" if self.executions else f"MINUTES={self.minutes:g}"
        return f"make chaos SEED={self.seed} {end} EVERY={self.every:g} SHAPE={shape}"

    def over(self, crowd: Crowd) -> Callable[[], bool]:
        """Return what says that the storm, which begins now, is over. The first Ctrl-C ends it early; the rest goes its way."""
        ends, early = time.monotonic() + self.minutes * 60, threading.Event()
        signal.signal(signal.SIGINT, lambda *_: early.set() or signal.signal(signal.SIGINT, signal.default_int_handler))
        return lambda: early.is_set() or (len(crowd.accepted) >= self.executions if self.executions else time.monotonic() > ends)


class Telling:
    """What a storm has to tell, printed and kept in a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def say(self, line: str) -> None:
        say(line)
        self.keep(line)

    def keep(self, text: str) -> None:
        with self.file.open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def weather(shape: str, wish: Wish, folder: Path) -> int:
    """Let a storm pass over a shape, print what happened, and return how much does not hold. What was told stays in the folder."""
    told = Telling(folder / "told.txt")
    told.say(f"{shape}: {wish}, everything in {folder}")
    try:
        return _pass(shape, wish, folder, told)
    except BaseException:
        told.keep(traceback.format_exc())
        raise


def _pass(shape: str, wish: Wish, folder: Path, told: Telling) -> int:
    began = time.monotonic()
    with vendor(folder, wish.seed) as (address, record):
        house = SHAPES[shape](folder)
        try:
            tokens = house.furnish(address)
            numbers = iter(range(wish.executions or 10**5))
            crowd = Crowd(
                "", tokens, record, wish.seed, lambda: is_open(house, executions=True) > MOST, lambda: waiting(house), numbers
            )
            house.start()
            crowd.address = f"http://127.0.0.1:{house.tree.port}"
            crowd.begin()
            storm = Storm(house, wish.seed)
            storm.rage(wish.every, wish.over(crowd))
            crowd.sending.clear()
            seconds = calm(house)
            crowd.leave()
            # What somebody asked for last, and what failed in between and is tried again, may end too.
            seconds += calm(house)
            found = aftermath.violations(house, record, crowd.accepted, wish.seed)
            table(told, house, storm, crowd, {"until calm": seconds, "in all": time.monotonic() - began}, found)
        finally:
            house.end()
    return len(found)


def table(told: Telling, house: House, storm: Storm, crowd: Crowd, seconds: dict[str, float], found: list[str]) -> None:
    """Print the numbers, and what does not hold."""
    lines = [line for line in crowd.record.lines() if line["action"] != STATUS]
    manners = Counter(line["told"] + (" (known key)" if line["repeated"] else "") for line in lines)
    rows = [
        ("alerts accepted", len(crowd.accepted)),
        *sorted(aftermath.executions(house).items()),
        *(("fault: " + name, count) for name, count in sorted(storm.counts.items())),
        ("faults that were kills", storm.kills),
        ("kills a minute", round(storm.kills / storm.seconds * 60, 1)),
        *(("vendor: " + name, count) for name, count in sorted(manners.items())),
        ("writes carried out", sum(line["done"] for line in lines)),
        *sorted(crowd.counts.items()),
        ("seconds of storm", round(storm.seconds)),
        *((f"seconds {what}", round(count)) for what, count in seconds.items()),
        ("VIOLATIONS", len(found)),
    ]
    for name, number in rows:
        told.say(f"  {name:<44}{number:>8}")
    for sentence in found[:100]:
        told.say(f"  ! {sentence}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", default="")
    options.add_argument("--minutes", type=float, default=10.0, help="for each shape")
    options.add_argument("--executions", type=int, default=0, help="rage until so many were accepted, whatever the minutes")
    options.add_argument("--every", type=float, default=6.0, help="mean seconds between two faults")
    options.add_argument("--shape", choices=[*SHAPES, "both"], default="both")
    options.add_argument(
        "--keep", action="store_true", help="keep the folder with logs, record and database also where all holds"
    )
    given = options.parse_args()
    # Whoever ends it early finds nothing of it running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    wish = Wish(given.seed or secrets.token_hex(4), given.every, given.minutes, given.executions)
    found = 0
    for shape in SHAPES if given.shape == "both" else [given.shape]:
        missing = SHAPES[shape].missing()
        if missing:
            say(f"{shape}: not done, for there is no {' and no '.join(missing)} on this machine")
            found += 1
            continue
        folder = Path(tempfile.mkdtemp(prefix=f"storm-{shape}-"))
        folder.chmod(0o755)
        wrong = weather(shape, wish, folder)
        found += wrong
        if not (wrong or given.keep):
            shutil.rmtree(folder, ignore_errors=True)
    say(f"{wish.again(given.shape)} repeats this storm")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
