"""What is to be done with a step's call: run, ask, simulate, show or refuse."""

import dataclasses
from enum import StrEnum

from playbooks_app.engine.model import Facts
from playbooks_app.spec.schema import Level


class Way(StrEnum):
    """What is done with a call."""

    RUN = "run"
    ASK = "ask"
    SIMULATE = "simulate"
    SHOW = "show"
    HOLD = "hold"


@dataclasses.dataclass(frozen=True, slots=True)
class Ruling:
    """A way and the reason for it."""

    way: Way
    why: str


def rule(*, level: Level, facts: Facts, drill: bool, stopped: bool, approve_notifications: bool) -> Ruling:
    """Return what is done with a call of these facts at this level."""
    if level is Level.L0:
        return Ruling(Way.SHOW, "at L0 people act")
    if facts.effect == "read":
        return Ruling(Way.RUN, "a read runs by itself")
    if drill:
        return Ruling(Way.SIMULATE, "a drill simulates every write")
    if facts.notification and not approve_notifications:
        return Ruling(Way.HOLD, "an emergency stop stands") if stopped else Ruling(Way.RUN, "a notification runs by itself")
    if level is Level.L2:
        return Ruling(Way.SIMULATE, "at L2 a write is rehearsed and queued")
    return Ruling(Way.ASK, "at L1 a write asks first")
