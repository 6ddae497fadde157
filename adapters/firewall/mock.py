"""The mock: answers that make a first playbook useful without any vendor."""

from collections.abc import Mapping
from typing import ClassVar

from adapters.firewall.contract import ACTIONS
from adapters.mocking import Answer, MockAdapter, keyed
from adapters.models import MockCall


def _blocked(log: list[MockCall]) -> bool:
    return bool(log) and log[0].action in ("firewall.block_ip", "firewall.block_domain")


class MockFirewall(MockAdapter):
    """Answers for `firewall`."""

    name = "mock-firewall"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "firewall.check_ip_status": lambda _params, log: {"blocked": _blocked(log)},
        "firewall.block_ip": lambda _params, _log: {"blocked": True},
        "firewall.unblock_ip": lambda _params, _log: {"blocked": False},
        "firewall.block_domain": lambda _params, _log: {"blocked": True},
        "firewall.unblock_domain": lambda _params, _log: {"blocked": False},
    }
