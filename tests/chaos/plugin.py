"""Adapters for the lying vendor, as another package would bring them: found by their entry points."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, cast
from urllib.parse import quote

from pydantic import HttpUrl

from adapters import client, errors
from adapters.contract import Action, Adapter, CallContext, ExecutionResult, Health, Parameters
from adapters.edr.contract import ACTIONS as EDR
from adapters.notify.contract import ACTIONS as NOTIFY
from tests.chaos.plans import THEIRS

READS = ("edr.get_isolation_status", "edr.get_process_tree", "edr.get_process_details")


class _Chaos(Adapter):
    vendor = "Chaos"

    class Config(Parameters):
        """Where the vendor is."""

        url: HttpUrl

    def execute(self, name: str, params: Mapping[str, Any], context: CallContext) -> ExecutionResult:
        target = params.get("host") or params["channel"]
        if name in READS:
            return self._ask("GET", f"{name}/{quote(target, safe='')}", context)
        body = json.dumps({"action": THEIRS[name], "target": target}).encode()
        return self._ask("POST", "", context, body, repeatable=self.action(name).takes_key)

    def health_check(self, context: CallContext) -> Health:
        return Health(True, "Not asked.")

    def _ask(
        self, method: str, path: str, context: CallContext, body: bytes = b"", *, repeatable: bool = False
    ) -> ExecutionResult:
        url = f"{cast('_Chaos.Config', self.config).url}{path}"
        headers = {"Content-Type": "application/json", "Idempotency-Key": context.idempotency_key}
        answer = client.request(
            method, url, headers=headers, content=body, timeout=context.timeout, allow_private=True, repeatable=repeatable
        )
        try:
            return ExecutionResult(dict(json.loads(answer.body)))
        except ValueError as error:
            raise errors.VendorError("The answer is no JSON.") from error


class Edr(_Chaos):
    """Isolation can be looked up; dumps and quarantine honour keys."""

    name = "chaos-edr"
    actions: ClassVar[tuple[Action, ...]] = tuple(action for action in EDR if action.name in (*THEIRS, *READS))


class Chat(_Chaos):
    """A message honours no key, and nobody can look."""

    name = "chaos-chat"
    actions: ClassVar[tuple[Action, ...]] = tuple(action for action in NOTIFY if action.name == "notify.send_slack_message")
