"""A vendor behind HTTP, in a process of its own that nobody kills: it hangs, lies, breaks off and comes late, and writes down the truth.

`python -m tests.chaos.vendor PORT RECORD SEED`. Each line of the record says what was asked, whether it was carried out, and
what was answered. How a call is taken follows from the seed, what it is about and how often it was asked: the same each time.
"""

import contextlib
import json
import math
import random
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

#: How a call is taken, and out of how many.
MANNERS = {
    "ok": 44, "slow": 10, "hangs": 5, "hangs-undone": 3, "500-done": 6, "500-undone": 5, "lies": 3, "garbage-done": 4,
    "breaks-off-done": 4, "breaks-off": 4, "503": 4, "429": 3, "400": 2, "twice": 3,
}  # fmt: skip
#: How a read is taken.
READS = {"ok": 80, "slow": 8, "503": 5, "breaks-off": 3, "garbage-done": 2, "hangs": 2}
#: How a read is taken that is answered with what is so, sooner or later.
ANSWERED = ("ok", "slow", "hangs")
#: How the first calls of a step are taken whose id begins like this, and how many. What it is about ends with the step's id.
BY_STEP: dict[str, tuple[float, tuple[str, ...]]] = {
    "stubborn": (2, ("503", "500-undone", "500-done", "breaks-off", "429")),
    "refused": (math.inf, ("400",)),
    "hangs": (math.inf, ("hangs",)),
}
#: Longer than the time that a call is given.
HANG = 15.0
#: The read that says whether a host is isolated.
STATUS = "edr.get_isolation_status"
#: What it answers to any read.
SEEN = {"suspicious": True, "remote_hosts": ["0", "1", "2", "3"]}


class Vendor:
    """What the vendor knows: who asked what, and what became of it."""

    def __init__(self, record: Path, seed: str) -> None:
        self.seed = seed
        self.record = record
        self._lock = threading.Lock()
        self._asked: dict[str, int] = {}
        self._keys: set[str] = set()
        self._isolated: set[str] = set()

    def manner(self, action: str, target: str, manners: dict[str, int]) -> tuple[str, int]:
        """Return how this call is taken, and how often it has been asked by now."""
        with self._lock:
            times = self._asked[f"{action}:{target}"] = self._asked.get(f"{action}:{target}", 0) + 1
        dice = random.Random(f"{self.seed}:{action}:{target}:{times}")
        step = target.partition(":")[2]
        for beginning, (most, special) in BY_STEP.items():
            if step.startswith(beginning) and times <= most:
                return dice.choice(special), times
        return dice.choices(list(manners), list(manners.values()))[0], times

    def act(self, action: str, target: str, key: str, *, done: bool, told: str, times: int) -> None:
        """Carry it out, or not, and write that down before anybody is answered. A known key changes nothing."""
        with self._lock:
            repeated = bool(key) and f"{action}:{key}" in self._keys
            if done and not repeated:
                self._keys |= {f"{action}:{key}"} if key else set()
                if action == "isolate":
                    self._isolated.add(target)
                elif action == "unisolate":
                    self._isolated.discard(target)
            self._note(
                {"action": action, "target": target, "key": key, "done": done and not repeated, "repeated": repeated,
                 "told": told, "times": times}
            )  # fmt: skip

    def look(self, target: str, *, told: str) -> bool:
        """Return whether a host is isolated, and write down before anybody is answered what who looks is going to be told."""
        with self._lock:
            there = target in self._isolated
            self._note({"action": STATUS, "target": target, "done": False, "there": there, "told": told})
            return there

    def _note(self, line: dict[str, Any]) -> None:
        with self.record.open("a", encoding="utf-8") as record:
            record.write(json.dumps({**line, "at": time.time()}) + "\n")


class Handler(BaseHTTPRequestHandler):
    """One call."""

    protocol_version = "HTTP/1.1"
    vendor: Vendor

    def do_GET(self) -> None:
        action, target = map(unquote, self.path.strip("/").rsplit("/", 1))
        manner, _ = self.vendor.manner(action, target, READS)
        if manner == "slow":
            time.sleep(1)
        with contextlib.suppress(OSError):
            self._tell(manner, {**SEEN, "isolated": action == STATUS and self.vendor.look(target, told=manner)})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        # The signed webhook sends an event and its data; the others name what they are about.
        action, target = body.get("action", "webhook"), body.get("target") or body["data"]["target"]
        # Only some actions honour keys.
        key = self.headers.get("Idempotency-Key", "") if action in ("dump", "quarantine", "webhook") else ""
        manner, times = self.vendor.manner(action, target, MANNERS)
        done = manner in ("ok", "slow", "hangs", "twice") or manner.endswith("-done")
        if manner == "slow":
            time.sleep(random.Random(target).uniform(0.2, 2))
        self.vendor.act(action, target, key, done=done, told=manner, times=times)
        with contextlib.suppress(OSError):
            self._tell(manner, {"dump_id": "d-1", "isolated": action == "isolate", "quarantined": True, "sent": True})

    def _tell(self, manner: str, answer: Any) -> None:
        if manner.startswith("hangs"):
            time.sleep(HANG)
        # What was not done is not told as done, however late.
        if manner.startswith("breaks-off") or manner == "hangs-undone":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        elif manner == "garbage-done":
            self.connection.sendall(b"HTTP/1.1 2OO \xff\xfe maybe\r\n\r\n\x00")
            self.close_connection = True
        elif manner[:3] in ("500", "503", "429", "400"):
            self._answer(int(manner[:3]), {"error": manner})
        else:
            for _ in range(2 if manner == "twice" else 1):
                self._answer(200, answer)

    def _answer(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if status == 429:
            self.send_header("Retry-After", "1")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that was killed is no error of the vendor's."""


if __name__ == "__main__":
    Handler.vendor = Vendor(Path(sys.argv[2]), sys.argv[3])
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
