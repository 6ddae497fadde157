"""The mock: answers that make a first playbook useful without any vendor."""

from collections.abc import Mapping
from typing import ClassVar

from adapters.identity.contract import ACTIONS
from adapters.mocking import Answer, MockAdapter, keyed

USERS = [
    {"user": "a.keller", "department": "Finance", "enabled": True, "privileged": False},
    {"user": "svc-deploy", "department": "IT", "enabled": True, "privileged": True},
    {"user": "m.osei", "department": "Sales", "enabled": True, "privileged": False},
]


class MockIdentity(MockAdapter):
    """Answers for `identity`."""

    name = "mock-identity"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "identity.list_users": lambda _params, _log: {"users": USERS},
        "identity.list_group_members": lambda _params, _log: {"users": USERS[:2]},
        "identity.disable_user": lambda params, _log: {"user": params["user"], "enabled": False},
        "identity.enable_user": lambda params, _log: {"user": params["user"], "enabled": True},
    }
