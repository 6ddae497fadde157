"""B10: verify a journal of 200,000 entries, as fast as a core goes and in memory that does not grow with it."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from django.db import connection

from audit.choices import Kind
from audit.journal import chain
from audit.services import checkpoints, verify
from benchmarks import places
from benchmarks.lines import Line, Target
from core import clock, ids

ENTRIES = 200_000
IN_A_STREAM = 25
#: What the memory of a trail ten times as long may be more.
GROWTH = 1.15
_COLUMNS = (
    "stream, seq, prev_hash, hash, id, kind, at, tenant_id, environment, actor_kind, actor_id, actor_name, subject_kind, subject_id, "
    "simulated, trace_id, refs, data"
)


def measure(_benches: list[str]) -> None:
    """Write a tenth of the trail, verify it, write the rest, and verify all of it, round after round."""
    size = places.sizes()
    entries = size.of(ENTRIES)
    _append(entries // 10)
    _, small = _by_command()
    _append(entries - entries // 10)
    found, large = _by_command()
    rates = []
    for _ in range(size.rounds):
        begun = time.perf_counter()
        report = verify.run()
        rates.append(report.entries / (time.perf_counter() - begun))
    Line(
        bench="B10", what="entries verified, with their checkpoints", unit="entries/s", target=Target("ours", ">=", 50_000), ours=rates,
        also={"entries": found["entries"], "checkpoints": found["checkpoints"], "peak_mb": large, "peak_mb_of_a_tenth": small},
        holds=bool(found["ok"]) and large <= small * GROWTH,
    ).show()  # fmt: skip


def _by_command() -> tuple[dict[str, Any], float]:
    """Verify as an operator does; return the answer and the peak of its memory in MB."""
    command = [*places.CLI, "audit", "verify", "--json"]
    with subprocess.Popen(command, env=os.environ, cwd=places.ROOT, stdout=subprocess.PIPE) as process:
        text = process.stdout.read() if process.stdout else b""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return json.loads(text), round(usage.ru_maxrss / 1024, 1)


def _append(count: int) -> None:
    """Write entries as the journal would, many at once, and sign them."""
    with connection.cursor() as cursor:
        heads: dict[str, tuple[int, str]] = {}
        with cursor.copy(f"COPY audit_entry ({_COLUMNS}) FROM STDIN") as copy:
            for row in _rows(count):
                copy.write_row(row)
                heads[row[0]] = (row[1], row[3])
        with cursor.copy("COPY audit_streamhead (stream, seq, hash) FROM STDIN") as copy:
            for stream, (seq, last) in heads.items():
                copy.write_row((stream, seq, last))
        cursor.execute("ANALYZE")
    while checkpoints.make(now=clock.now()) is not None:
        pass


def _rows(count: int) -> Iterator[tuple[Any, ...]]:
    # As the database writes it: in UTC.
    tenant, now = str(ids.new()), str(clock.now().replace(tzinfo=None))
    stream, subject, last = "", "", chain.GENESIS
    for number in range(count):
        seq = number % IN_A_STREAM + 1
        if seq == 1:
            subject, last = str(ids.new()), chain.GENESIS
            stream = f"execution:{subject}"
        data = json.dumps({"step": f"s{seq}", "status": "completed", "call": str(ids.new()), "attempt": 1, "action": "edr.isolate_host"})
        row = (
            stream, seq, last, "", str(ids.new()), str(Kind.STEP_FINISHED), now, tenant, "production", "system", "engine", "engine",
            "execution", subject, False, "", "[]", data,
        )  # fmt: skip
        last = chain.hash_of_row(row)
        yield (*row[:3], last, *row[4:])
