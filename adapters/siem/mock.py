"""The mock: answers that make a first playbook useful without any vendor."""

from collections.abc import Mapping
from typing import Any, ClassVar

from adapters.mocking import Answer, MockAdapter, keyed
from adapters.siem.contract import ACTIONS


def _events(query: str) -> dict[str, Any]:
    event = {
        "event": {"category": ["network"], "action": "connection"},
        "source": {"ip": "10.20.0.15"},
        "message": f"matched {query[:100]}",
    }
    return {"total": 2, "events": [event, {**event, "source": {"ip": "10.20.0.31"}}]}


class MockSiem(MockAdapter):
    """Answers for `siem`."""

    name = "mock-siem"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "siem.query_logs": lambda params, _log: _events(params["query"]),
        "siem.get_events_by_id": lambda params, _log: _events(", ".join(params["ids"])),
    }
