"""Two reads as vendors would offer them: one that costs nothing, and one that takes a tenth of a second."""

import time
from collections.abc import Mapping
from typing import Any

from adapters.choices import Effect
from adapters.contract import Action, Adapter, CallContext, ExecutionResult, Health, Parameters, Result
from runbookpilot.registry import STEP_ACTIONS

WAIT = 0.1
VALUE = "x" * 100


class Number(Parameters):
    """What a read is asked for: its number, and what the read before it answered."""

    i: int
    before: str = ""


class Nothing(Adapter):
    """Answers at once, as a mock does that neither looks into a script nor keeps a record."""

    name = "benchmark-nothing"
    vendor = "Benchmark"
    actions = (Action(name="nothing.read", params=Number, result=Result, effect=Effect.READ),)
    local = True

    def execute(self, name: str, params: Mapping[str, Any], context: CallContext) -> ExecutionResult:
        return ExecutionResult({"i": params["i"], "value": VALUE})

    def health_check(self, context: CallContext) -> Health:
        return Health(True, "It answers.")


class Waiting(Nothing):
    """Answers after a moment, as what is reached over a network does."""

    name = "benchmark-waiting"
    actions = (Action(name="waiting.read", params=Number, result=Result, effect=Effect.READ),)
    local = False

    def execute(self, name: str, params: Mapping[str, Any], context: CallContext) -> ExecutionResult:
        time.sleep(WAIT)
        return ExecutionResult({"i": params["i"], "value": VALUE})


ALL = (*STEP_ACTIONS, "benchmarks.adapters.Nothing", "benchmarks.adapters.Waiting")
