"""The command line as a person or a script uses it: real processes, and a terminal where one is asked for."""

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
LONGEST = 240.0


class CommandLine:
    """`runbookpilot` with a data folder of its own."""

    def __init__(self, data: Path, **settings: str) -> None:
        known = {name: value for name, value in os.environ.items() if not name.startswith(("RUNBOOKPILOT_", "DJANGO_"))}
        self.environ = {
            **known,
            "RUNBOOKPILOT_DATA": str(data),
            "ENV_FILE": "/nonexistent",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "160",
            **settings,
        }

    def run(self, *args: str, text: str = "", token: str = "") -> subprocess.CompletedProcess[str]:
        """Return what came of a command that gets `text` on its standard input."""
        return subprocess.run(
            self._command(args), input=text, capture_output=True, text=True, env=self._with(token), cwd=ROOT, timeout=LONGEST, check=False
        )  # fmt: skip

    def json(self, *args: str, text: str = "", token: str = "") -> Any:
        """Return what a command answers with --json."""
        return json.loads(self.run(*args, "--json", text=text, token=token).stdout)

    def talk(self, *args: str, answers: Sequence[tuple[str, str]], token: str = "") -> tuple[str, int]:
        """Run a command on a terminal, give each answer when its question stands there; return all text and the exit code."""
        here, there = pty.openpty()
        process = subprocess.Popen(
            self._command(args), stdin=there, stdout=there, stderr=there, env=self._with(token), cwd=ROOT, start_new_session=True
        )
        os.close(there)
        said, rest, until = "", list(answers), time.monotonic() + LONGEST
        from_here = 0
        while time.monotonic() < until:
            chunk = _read(here)
            if chunk is None:
                break
            said += chunk
            if rest and rest[0][0] in said[from_here:]:
                from_here = len(said)
                os.write(here, f"{rest.pop(0)[1]}\n".encode())
        os.close(here)
        return said, process.wait(LONGEST)

    def _command(self, args: Sequence[str]) -> list[str]:
        return [sys.executable, "-c", "from runbookpilot.cli import main; main()", *args]

    def _with(self, token: str) -> dict[str, str]:
        return {**self.environ, **({"RUNBOOKPILOT_TOKEN": token} if token else {})}


def _read(terminal: int) -> str | None:
    ready, _, _ = select.select([terminal], [], [], 0.2)
    if not ready:
        return ""
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        return None
    return chunk.decode(errors="replace") if chunk else None
