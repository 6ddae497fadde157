"""The mock: answers that make a first playbook useful without any vendor."""

from collections.abc import Mapping
from typing import ClassVar

from adapters.mocking import Answer, MockAdapter, fake_id, keyed
from adapters.ticket.contract import ACTIONS


class MockTicket(MockAdapter):
    """Answers for `ticket`."""

    name = "mock-ticket"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "ticket.create": lambda params, _log: {"ticket": fake_id("SEC").upper(), "status": "open", "title": params["title"]},
        "ticket.get": lambda params, log: {
            "ticket": params["ticket"],
            "status": log[0].output.get("status", "open") if log else "open",
        },
    }
