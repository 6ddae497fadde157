"""An adapter for a vendor that carries a write out long after it was asked, whatever has become of whoever asked.

`python -m tests.chaos.slow` fills an empty database, in a process of its own, and prints the tokens of two leads.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from adapters.contract import Action, Adapter, CallContext, ExecutionResult, Health
from adapters.edr.contract import ACTIONS
from tests.chaos import deadly

SOURCE = """
apiVersion: runbookpilot/v1
metadata: {id: slow, name: Slow, version: 1.0.0, description: One write., author: RunbookPilot, attack: [T1047]}
level: L1
triggers: [{source: any, technique: T1047}]
steps:
  - {id: isolate, action: edr.isolate_host, with: {host: "{{ alert.host.name }}"}, timeout: 40s}
"""
#: After how many seconds the vendor does what it was asked for: later than a takeover, sooner than the time of the call is over.
WORK = 38
KNOWN = ("edr.get_isolation_status", "edr.isolate_host", "edr.unisolate_host")


class Slow(Adapter):
    """Writes down that it was asked, has a process of its own write down that it was done, and answers then."""

    name = "slow-edr"
    vendor = "Slow"
    actions: ClassVar[tuple[Action, ...]] = tuple(action for action in ACTIONS if action.name in KNOWN)

    def execute(self, name: str, params: Mapping[str, Any], context: CallContext) -> ExecutionResult:
        folder = Path(os.environ["CHAOS_SLOW"])
        done = folder / "done"
        if name == "edr.isolate_host":
            subprocess.Popen(["sh", "-c", f'sleep {WORK}; echo done >> "{done}"'], start_new_session=True)
            with (folder / "asked").open("a", encoding="utf-8") as asked:
                asked.write(f"{os.getpid()}\n")
            until = time.monotonic() + context.timeout
            while not done.exists() and time.monotonic() < until:
                time.sleep(0.2)
        return ExecutionResult({"isolated": done.exists()})

    def health_check(self, context: CallContext) -> Health:
        return Health(True, "Not asked.")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(deadly.fill("slow-edr", SOURCE)[:2]))
