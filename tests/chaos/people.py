"""Those who send alerts and those who decide, over HTTP, through every outage: each asks again until it is answered."""

import dataclasses
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

#: What the vendor calls a step, and what its undo.
THEIRS = {
    "isolate": "isolate", "dump": "dump", "quarantine": "quarantine", "message": "message", "webhook": "webhook",
    "undo:isolate": "unisolate",
}  # fmt: skip
#: So long after a step has become uncertain, nothing that was sent for it is under way any more.
CERTAIN_AFTER = 20.0


class Record:
    """The vendor's own record of what it was asked and did."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def did(self, action: str, target: str) -> bool:
        return any(line["done"] for line in self.lines() if (line["action"], line["target"]) == (action, target))


@dataclasses.dataclass
class Crowd:
    """All of them, on threads of their own, until `leave`."""

    address: str
    tokens: list[str]
    record: Record
    seed: str
    crowded: Callable[[], bool]
    accepted: list[str] = dataclasses.field(default_factory=list)
    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    sending: threading.Event = dataclasses.field(default_factory=threading.Event)
    done: threading.Event = dataclasses.field(default_factory=threading.Event)
    _numbers: Any = dataclasses.field(default_factory=lambda: iter(range(10**6)))
    _first_seen: dict[Any, float] = dataclasses.field(default_factory=dict)
    _threads: list[threading.Thread] = dataclasses.field(default_factory=list)

    def begin(self) -> None:
        self.sending.set()
        work = [self._send, self._send, *(lambda token=token: self._decide(token) for token in self.tokens), self._clear_up, self._meddle]
        self._threads = [threading.Thread(target=one, daemon=True) for one in work]
        for thread in self._threads:
            thread.start()

    def leave(self) -> None:
        self.done.set()
        for thread in self._threads:
            thread.join(60)

    def _send(self) -> None:
        while not self.done.wait(random.Random(f"{self.seed}:{len(self.accepted)}").uniform(0.1, 0.6)):
            if not self.sending.is_set() or self.crowded():
                continue
            host = f"h{next(self._numbers):05}"
            alert = {"event": {"id": host}, "host": {"name": host}, "threat": {"technique": [{"id": "T1047"}]}}
            self.counts["alerts sent"] += 1
            while self._ask("POST", "alerts", self.tokens[0], alert) is None:
                if self.done.wait(0.5):
                    return
            self.accepted.append(host)

    def _decide(self, token: str) -> None:
        while not self.done.wait(0.3):
            found = self._ask("GET", "approvals?status=pending", token)
            for item in (found or {"results": []})["results"]:
                if self.done.is_set():
                    return
                dice = random.Random(f"{self.seed}:{item['title']}").random()
                verb, reason = ("reject", "no") if dice < 0.06 else ("approve", "")
                body = {"digest": item["digest"], "reason": reason}
                if self._ask("POST", f"approvals/{item['id']}/{verb}", token, body) is not None:
                    self.counts[f"{verb} votes"] += 1

    def _clear_up(self) -> None:
        """Say what became of uncertain writes, as one who looks at the vendor's own record."""
        while not self.done.wait(1):
            found = self._ask("GET", "executions?status=awaiting_input", self.tokens[0])
            for item in (found or {"results": []})["results"]:
                whole = self._ask("GET", f"executions/{item['id']}", self.tokens[0])
                for step in (whole or {"steps": []})["steps"]:
                    if step["status"] == "uncertain" and self._certain(item["id"], step["id"]):
                        self._say(item, whole, step)

    def _say(self, item: Any, whole: Any, step: Any) -> None:
        target = whole["title"].rpartition(" on ")[2]
        happened = self.record.did(THEIRS[step["id"]], target)
        answer = "happened" if happened else "not_happened"
        body = {"uncertain": answer, "note": "seen at the vendor"}
        if self._ask("PATCH", f"executions/{item['id']}/steps/{step['id']}", self.tokens[0], body) is not None:
            self.counts[f"answers: {answer}"] += 1
            self._first_seen.pop((item["id"], step["id"]), None)

    def _certain(self, *of: str) -> bool:
        return time.monotonic() - self._first_seen.setdefault(of, time.monotonic()) > CERTAIN_AFTER

    def _meddle(self) -> None:
        """Cancel some, pause some and let them go on, roll some back."""
        seen: set[str] = set()
        paused: list[str] = []
        while not self.done.wait(2):
            for execution in paused:
                self._ask("PATCH", f"executions/{execution}", self.tokens[1], {"status": "active", "reason": "go on"})
            paused = [item["id"] for item in (self._ask("GET", "executions?status=paused", self.tokens[1]) or {"results": []})["results"]]
            for item in (self._ask("GET", "executions", self.tokens[1]) or {"results": []})["results"]:
                if item["id"] in seen or not self.sending.is_set():
                    continue
                seen.add(item["id"])
                dice = random.Random(f"{self.seed}:{item['title']}:meddle").random()
                self._act(item["id"], dice)

    def _act(self, execution: str, dice: float) -> None:
        if dice < 0.05:
            if self._ask("PATCH", f"executions/{execution}", self.tokens[1], {"status": "cancelled", "reason": "x"}) is not None:
                self.counts["cancels"] += 1
        elif dice < 0.1:
            if self._ask("PATCH", f"executions/{execution}", self.tokens[1], {"status": "paused", "reason": "x"}) is not None:
                self.counts["pauses"] += 1
        elif dice < 0.15 and self._ask("POST", f"executions/{execution}/rollback", self.tokens[1], {"reason": "x"}) is not None:
            self.counts["rollbacks"] += 1

    def _ask(self, method: str, path: str, token: str, body: Any = None) -> Any:
        """Return the answer; None where there was none, or it was a refusal."""
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(f"{self.address}/api/v1/{path}", content, headers, method=method), timeout=20) as answer:
                return json.load(answer)
        except HTTPError as error:
            self.counts[f"HTTP {error.code}"] += 1
        except (URLError, OSError, ValueError):
            self.counts["no answer"] += 1
        return None
