"""The mock: answers that make a first playbook useful without any vendor."""

from collections.abc import Mapping
from typing import Any, ClassVar

from adapters.intel.contract import ACTIONS
from adapters.mocking import Answer, MockAdapter, keyed


def _verdict(subject: str, label: str) -> dict[str, Any]:
    """The same subject always gets the same verdict; a private address is harmless."""
    if subject.startswith(("10.", "192.168.", "127.")):
        return {"verdict": "harmless", "malicious": 0, "total": 72, "labels": []}
    return {"verdict": "malicious", "malicious": 41, "total": 72, "labels": [label]}


class MockIntel(MockAdapter):
    """Answers for `intel`."""

    name = "mock-intel"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "intel.enrich_hash": lambda params, _log: _verdict(params["hash"], "trojan"),
        "intel.enrich_ip": lambda params, _log: _verdict(params["ip"], "c2"),
        "intel.enrich_domain": lambda params, _log: _verdict(params["domain"], "c2"),
        "intel.enrich_url": lambda params, _log: _verdict(params["url"], "phishing"),
    }
