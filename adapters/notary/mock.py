"""The mock: answers that make a first playbook useful without any vendor."""

import hashlib
from collections.abc import Mapping
from typing import ClassVar

from adapters.mocking import Answer, MockAdapter, keyed
from adapters.notary.contract import ACTIONS


def _token(sha256: str) -> str:
    return hashlib.sha256(f"mock notary {sha256}".encode()).hexdigest()


class MockNotary(MockAdapter):
    """Answers for `notary`."""

    name = "mock-notary"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "notary.timestamp": lambda params, _log: {"token": _token(params["sha256"])},
        "notary.verify": lambda params, _log: {"valid": params["token"] == _token(params["sha256"])},
    }
