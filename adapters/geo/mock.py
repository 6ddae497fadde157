"""The mock: answers that make a first playbook useful without any vendor."""

from collections.abc import Mapping
from typing import ClassVar

from adapters.geo.contract import ACTIONS
from adapters.mocking import Answer, MockAdapter, keyed


class MockGeo(MockAdapter):
    """Answers for `geo`."""

    name = "mock-geo"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "geo.lookup": lambda params, _log: {
            "found": True,
            "ip": params["ip"],
            "country": "NL",
            "network": "AS64500 Example Hosting",
        },
    }
