"""The mock: answers that make a first playbook useful without any vendor."""

from collections.abc import Mapping
from typing import ClassVar

from adapters.mocking import Answer, MockAdapter, keyed
from adapters.user.contract import ACTIONS


class MockUser(MockAdapter):
    """Answers for `user`."""

    name = "mock-user"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "user.lookup": lambda params, _log: {
            "found": True,
            "user": params["user"],
            "department": "IT",
            "privileged": "svc" in params["user"] or "admin" in params["user"].lower(),
        },
    }
