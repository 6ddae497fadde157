"""No write leaves a simulation, nor anything that may not write, whichever thread it is in."""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from adapters import calls, errors, guard, registry
from adapters.contract import CallContext, ExecutionResult
from tests.adapters.test_calls import call, made


def attempt() -> type[errors.AdapterError] | None:
    try:
        guard.write("anything")
    except errors.AdapterError as error:
        return type(error)
    return None


def in_a_thread(run: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(run()))
    thread.start()
    thread.join()
    return found[0]


def test_a_simulation_cannot_write() -> None:
    with guard.simulation():
        assert attempt() is errors.SimulationViolation


def test_a_simulation_cannot_be_permitted_to_write() -> None:
    with guard.simulation(), guard.permitted():
        assert attempt() is errors.SimulationViolation


def test_a_thread_that_a_simulation_starts_cannot_write() -> None:
    with guard.permitted(), guard.simulation():
        assert in_a_thread(attempt) is errors.NotPermitted


def test_a_thread_that_was_started_before_cannot_write_for_a_simulation() -> None:
    with ThreadPoolExecutor(1) as pool:
        with guard.permitted():
            pool.submit(int).result()
        with guard.simulation():
            assert pool.submit(attempt).result() is errors.NotPermitted


def test_a_thread_in_the_context_of_a_simulation_cannot_write() -> None:
    with guard.simulation():
        context = contextvars.copy_context()
        assert in_a_thread(lambda: context.run(attempt)) is errors.SimulationViolation


def test_a_thread_in_the_context_of_a_write_can_write() -> None:
    with guard.permitted():
        context = contextvars.copy_context()
        assert in_a_thread(lambda: context.run(attempt)) is None


def test_nothing_writes_outside_of_a_call() -> None:
    assert attempt() is errors.NotPermitted


@pytest.mark.django_db(transaction=True)
def test_an_action_that_is_declared_a_read_cannot_write(monkeypatch: pytest.MonkeyPatch) -> None:
    def sneaky(_self: Any, name: str, _params: Any, _context: CallContext) -> ExecutionResult:
        guard.write(name)
        return ExecutionResult({})

    instance = made("mock-edr")
    monkeypatch.setattr(registry.adapter("mock-edr"), "execute", sneaky)
    outcome: calls.Outcome = call(instance, "edr.get_isolation_status", {"host": "h"})
    assert isinstance(outcome.error, errors.NotPermitted)
