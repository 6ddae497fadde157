"""Those who send alerts and those who decide, over HTTP, through every outage: each asks again until it is answered."""

import dataclasses
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from tests.chaos import plans

#: So long after a step has become uncertain, nothing that was sent for it is under way any more.
CERTAIN_AFTER = 20.0
#: So long a queued simulation lies in the queue before somebody clicks; its execution has mostly ended by then.
LATER = 5.0
#: The dead letter of an execution whose worker was lost too often in a row, which somebody has driven again.
GIVEN_UP = "playbooks_app.tasks.take_up_again"


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
    """All of them, on threads of their own, until `leave`: two who decide, the second of whom meddles too, and an administrator.

    `crowded` says whether those who send should wait, and `waiting` which steps wait for a person, whatever their execution:
    its id, the host, the step's id, its kind, action and status.
    """

    address: str
    tokens: list[str]
    record: Record
    seed: str
    crowded: Callable[[], bool]
    waiting: Callable[[], list[tuple[Any, ...]]]
    numbers: Iterator[int]
    accepted: list[str] = dataclasses.field(default_factory=list)
    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    sending: threading.Event = dataclasses.field(default_factory=threading.Event)
    done: threading.Event = dataclasses.field(default_factory=threading.Event)
    _first_seen: dict[Any, float] = dataclasses.field(default_factory=dict)
    _threads: list[threading.Thread] = dataclasses.field(default_factory=list)
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def begin(self) -> None:
        self.sending.set()
        deciders = [lambda: self._decide(self.tokens[0], "id"), lambda: self._decide(self.tokens[1], "-id")]
        work = [self._send, self._send, *deciders, self._clear_up, self._meddle, self._administer]
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
                self.done.wait(1)
                continue
            with self._lock:
                number = next(self.numbers, None)
            if number is None:
                return
            host = plans.host_of(number)
            self.counts["alerts sent"] += 1
            while self._ask("POST", "alerts", self.tokens[0], plans.alert_of(self.seed, host)) is None:
                if self.done.wait(0.3):
                    return
            self.accepted.append(host)

    def _decide(self, token: str, order: str) -> None:
        """Go through the queue, one from its head and one from its end; where they meet, one of two comes too late."""
        while not self.done.wait(0.5):
            found = self._ask("GET", f"approvals?status=pending&page_size=60&ordering={order}", token)
            for item in (found or {"results": []})["results"]:
                if self.done.is_set():
                    return
                if not self._leaves(item):
                    self._vote(item, token)

    def _leaves(self, item: Any) -> bool:
        """Whether nobody decides this: one runs out of time, and what was queued waits for its turn."""
        too_early = item["simulated"] and not self._for(LATER, item["id"])
        return too_early or item["step"].startswith("unanswered")

    def _vote(self, item: Any, token: str) -> None:
        dice = random.Random(f"{self.seed}:{item['playbook']}:{item['title']}").random()
        verb, reason = ("reject", "no") if dice < 0.06 else ("approve", "")
        body = {"digest": item["digest"], "reason": reason}
        if self._ask("POST", f"approvals/{item['id']}/{verb}", token, body) is not None:
            self.counts[f"{verb} votes"] += 1

    def _clear_up(self) -> None:
        """Do what waits for a person, decide, and say what became of uncertain writes, as one who looks at the vendor's own record."""
        while not self.done.wait(1):
            for execution, host, step, kind, action, status in self.waiting():
                of = f"executions/{execution}/steps/{quote(step, safe='')}"
                if status == "awaiting_input" and kind == "decision":
                    branch = random.Random(f"{self.seed}:{host}:{step}").choice(["malicious", "benign"])
                    self._answer(of, {"decision": branch}, "decisions taken")
                elif status == "awaiting_input":
                    self._answer(of, {"status": "completed", "output": {"reached": True}}, "work done by hand")
                elif status == "uncertain" and self._for(CERTAIN_AFTER, execution, step):
                    happened = self.record.did(plans.THEIRS[action], plans.about(host, step))
                    answer = "happened" if happened else "not_happened"
                    if self._answer(of, {"uncertain": answer, "note": "seen at the vendor"}, f"answers: {answer}"):
                        self._first_seen.pop((execution, step), None)

    def _answer(self, of: str, body: Any, what: str) -> bool:
        answered = self._ask("PATCH", of, self.tokens[0], body) is not None
        self.counts[what] += answered
        return answered

    def _for(self, seconds: float, *of: str) -> bool:
        """Whether something has been so for some time."""
        return time.monotonic() - self._first_seen.setdefault(of, time.monotonic()) > seconds

    def _meddle(self) -> None:
        """Cancel some, pause some and let them go on, roll some back."""
        seen: set[str] = set()
        while not self.done.wait(1):
            for item in (self._ask("GET", "executions?status=paused", self.tokens[1]) or {"results": []})["results"]:
                if self._for(2, item["id"], "paused"):
                    self._ask("PATCH", f"executions/{item['id']}", self.tokens[1], {"status": "active", "reason": "go on"})
            for item in (self._ask("GET", "executions?page_size=100", self.tokens[1]) or {"results": []})["results"]:
                if item["id"] in seen or not self.sending.is_set():
                    continue
                dice = random.Random(f"{self.seed}:{item['title']}:meddle").random()
                if self._act(item, dice):
                    seen.add(item["id"])

    def _act(self, item: Any, dice: float) -> bool:
        """Do to an execution what the dice say; return whether there is nothing more to do."""
        if dice < (0.7 if item["playbook"]["id"] == "undone-cancel" else 0.05):
            if self._for(3 + 20 * dice, item["id"], "cancel"):
                return self._put(item, "PATCH", "", {"status": "cancelled", "reason": "x"}, "cancels")
            return False
        if dice < 0.1:
            return self._put(item, "PATCH", "", {"status": "paused", "reason": "x"}, "pauses")
        if dice < 0.15:
            return self._put(item, "POST", "/rollback", {"reason": "x"}, "rollbacks")
        return True

    def _put(self, item: Any, method: str, path: str, body: Any, what: str) -> bool:
        if self._ask(method, f"executions/{item['id']}{path}", self.tokens[1], body) is not None:
            self.counts[what] += 1
        return True

    def _administer(self) -> None:
        """Have driven again what was given up because its worker was lost too often; that is no mistake in a storm."""
        while not self.done.wait(5):
            for letter in (self._ask("GET", "dead-letters", self.tokens[2]) or {"results": []})["results"]:
                if letter["task"] == GIVEN_UP:
                    sent = self._ask("POST", f"dead-letters/{letter['id']}/send", self.tokens[2], {}) is not None
                    self.counts["given up and taken up again"] += sent

    def _ask(self, method: str, path: str, token: str, body: Any = None) -> Any:
        """Return the answer; None where there was none, or it was a refusal."""
        headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(f"{self.address}/api/v1/{path}", content, headers, method=method), timeout=20) as answer:
                return json.loads(answer.read() or b"{}")
        except HTTPError as error:
            self.counts[f"HTTP {error.code}"] += 1
        except (URLError, HTTPException, OSError, ValueError):
            self.counts["no answer"] += 1
        return None
