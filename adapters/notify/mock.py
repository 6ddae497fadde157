"""The mock: answers that make a first playbook useful without any vendor."""

from collections.abc import Mapping
from typing import ClassVar

from adapters.mocking import Answer, MockAdapter, fake_id, keyed
from adapters.notify.contract import ACTIONS


class MockNotify(MockAdapter):
    """Answers for `notify`."""

    name = "mock-notify"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "notify.send_slack_message": lambda _params, _log: {"sent": True, "id": fake_id("message")},
        "notify.send_email": lambda _params, _log: {"sent": True, "id": fake_id("mail")},
        "notify.send_webhook": lambda _params, _log: {"sent": True, "status": 202},
    }
