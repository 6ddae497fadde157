"""The mock: answers that make a first playbook useful without any vendor."""

from collections.abc import Mapping
from typing import ClassVar

from adapters.http.contract import ACTIONS
from adapters.mocking import Answer, MockAdapter, keyed


class MockHttp(MockAdapter):
    """Answers for `http`."""

    name = "mock-http"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "http.get": lambda params, _log: {"status": 200, "body": {"url": params["url"]}},
        "http.request": lambda params, _log: {"status": 200, "body": {"url": params["url"], "method": params["method"]}},
    }
