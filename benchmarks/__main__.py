"""Run the benchmarks, or those named: `python -m benchmarks [B1 B4 …]`. What each needs is made for it and removed after it."""

import contextlib
import dataclasses
import subprocess
import sys

from benchmarks import lines, places


@dataclasses.dataclass(frozen=True, slots=True)
class Family:
    """Benchmarks that one process measures together, and what it needs."""

    module: str
    benches: tuple[str, ...]
    postgres: bool = True
    redis: bool = False


FAMILIES = (
    Family("benchmarks.executions", ("B1", "B2", "B3", "B4"), redis=True),
    Family("benchmarks.cost", ("B5",)),
    Family("benchmarks.embedded", ("B6",), postgres=False),
    Family("benchmarks.alerts", ("B7",), redis=True),
    Family("benchmarks.lists", ("B8",)),
    Family("benchmarks.crowd", ("CROWD",), redis=True),
    Family("benchmarks.trail", ("B10",)),
    Family("benchmarks.start", ("B12",), postgres=False),
)


def main(wanted: list[str]) -> int:
    """Run them one family after another; return 1 where one broke. A target that is missed is no error."""
    known = [bench for family in FAMILIES for bench in family.benches]
    unknown = [bench for bench in wanted if bench not in known]
    if unknown:
        lines.say(f"There is no benchmark {', '.join(unknown)}; there are {', '.join(known)}.")
        return 2
    chosen = [(family, [bench for bench in family.benches if bench in (wanted or known)]) for family in FAMILIES]
    return max([_run(family, benches) for family, benches in chosen if benches])


def _run(family: Family, benches: list[str]) -> int:
    try:
        with contextlib.ExitStack() as stack:
            data = stack.enter_context(places.folder())
            url = stack.enter_context(places.database(benches[0].lower())) if family.postgres else ""
            broker = stack.enter_context(places.broker(data)) if family.redis else ""
            env = places.environ(data, database_url=url, redis_url=broker, RUNBOOKPILOT_DATABASE_POOL="24")
            command = [sys.executable, "-m", "benchmarks.process", family.module, *benches]
            return subprocess.run(command, env=env, cwd=places.ROOT, check=False).returncode
    except places.NotHere as error:
        lines.say(f"{', '.join(benches)}: left out, {error}.")
        return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
