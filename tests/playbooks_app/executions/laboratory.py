"""A vendor that keeps its own record, outside of the database, and does what a test tells it: answers, refuses, hangs, dies.

Each action of `lab` declares one of the ways in which a write can be safe to repeat, or that it is not.
"""

import dataclasses
from collections import deque
from collections.abc import Callable

from adapters import errors
from adapters.choices import Effect, Mode
from adapters.contract import Action, Adapter, ExecutionResult, Health, Parameters, Result
from core import uptime


class Died(BaseException):
    """The process is gone: nothing after this runs."""


class What(Parameters):
    """What an action is about: here, the step that asks for it."""

    what: str


class Anything(Result):
    """Whatever the laboratory answers."""


def _action(name, **more):
    return Action(name=f"lab.{name}", params=What, result=Anything, target="what", **more)


ACTIONS = (
    _action("status", effect=Effect.READ),
    _action("keyed", effect=Effect.REVERSIBLE, takes_key=True),
    _action("looked", effect=Effect.REVERSIBLE, look="lab.status", settled=lambda output, _params: output["on"]),
    _action("unlooked", effect=Effect.REVERSIBLE, look="lab.status", settled=lambda output, _params: not output["on"]),
    _action("unkeyed", effect=Effect.REVERSIBLE, takes_key=True),
    _action("both", effect=Effect.REVERSIBLE, idempotent=True, look="lab.status", settled=lambda output, _params: output["on"]),
    _action("blind"),
    _action("tell", notification=True),
)
READS = {"lab.status"}
KEYED = {"lab.keyed", "lab.unkeyed", "lab.both"}
OPPOSITE = {"lab.unlooked": "lab.looked", "lab.unkeyed": "lab.keyed"}

#: How the vendor can take a call: whether it carries it out, and what the caller gets to know.
ANSWERS = ("ok", "late", "refused", "down", "lost before", "lost after", "lost meanwhile", "dies before", "dies after")
LOST = dict.fromkeys(["lost before", "lost after", "lost meanwhile"], errors.CallTimeout)
ERRORS = {"refused": errors.InvalidRequest, "down": errors.Unavailable, **LOST}
#: After how many seconds the vendor carries out a write that was lost meanwhile: sooner than the time of a call is over.
WORK = 20.0


@dataclasses.dataclass(frozen=True)
class Sent:
    """A write that reached the vendor: what it asked for, and whether the vendor carried it out."""

    action: str
    what: str
    key: str
    done: bool


class Laboratory:
    """The vendor's side: its record, its next answers, and what happens in the house while it works."""

    def __init__(self):
        self.sent: list[Sent] = []
        self.answers: deque[str] = deque()
        self.meanwhile: deque[Callable[[], None]] = deque()
        self.watchers: list[Callable[[str, str], None]] = []
        self.under_way: list[tuple[float, int]] = []
        self.looks_fail = False

    def take(self, action, what, key):
        self.go_on()
        if action in READS:
            return self._read(what)
        for watcher in self.watchers:
            watcher(action, what)
        answer = self.answers.popleft() if self.answers else "ok"
        if answer == "dies before":
            raise Died
        if answer == "late":
            # It takes its time, and does it only then.
            self._pass()
        done = answer in ("ok", "late", "lost after", "dies after")
        self._note(answer, Sent(action, what, key, done and not (action in KEYED and self._known(action, key))))
        if answer != "late":
            self._pass()
        if answer == "dies after":
            raise Died
        if answer in ERRORS:
            raise ERRORS[answer]
        return {"on": True}

    def _note(self, answer, sent):
        self.sent.append(sent)
        if answer == "lost meanwhile":
            self.under_way.append((uptime.seconds() + WORK, len(self.sent) - 1))

    def _read(self, what):
        if self.looks_fail:
            raise errors.Unavailable
        return {"on": self.is_on(what)}

    def _pass(self):
        if self.meanwhile:
            self.meanwhile.popleft()()

    def go_on(self, seconds=0.0):
        """Carry out what is under way and takes no longer than that yet."""
        now = uptime.seconds() + seconds
        for number in [number for at, number in self.under_way if at <= now]:
            sent = self.sent[number]
            if sent.action not in KEYED or not self._known(sent.action, sent.key):
                self.sent[number] = dataclasses.replace(sent, done=True)
        self.under_way = [(at, number) for at, number in self.under_way if at > now]

    def did(self, action, what):
        """How often the vendor carried out an action."""
        self.go_on()
        return sum(one.done for one in self.sent if (one.action, one.what) == (action, what))

    def is_on(self, what):
        """Whether something was done and not taken back."""
        last = [one.action for one in self.sent if one.what == what and one.done]
        return bool(last) and last[-1] not in OPPOSITE

    def _known(self, action, key):
        return any(one.done for one in self.sent if (one.action, one.key) == (action, key))


class Lab(Adapter):
    """The product's side of it."""

    name = "lab"
    vendor = "Laboratory"
    actions = ACTIONS
    modes = (Mode.MOCK,)
    local = True
    laboratory: Laboratory

    def execute(self, name, params, context):
        return ExecutionResult(self.laboratory.take(name, params["what"], context.idempotency_key))

    def health_check(self, context):
        return Health(True, "It stands.")
