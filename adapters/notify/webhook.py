"""A signed webhook: JSON to one address, with a signature that the receiver can check.

`X-RunbookPilot-Signature: v1=hex(hmac_sha256(secret, timestamp + "." + body))`
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from pydantic import HttpUrl, SecretStr

from adapters import client, connections
from adapters.contract import Action, Adapter, CallContext, ExecutionResult, Health, Parameters
from adapters.notify.contract import ACTIONS
from core import canonical


class Webhook(Adapter):
    """Posts to the configured address. The receiver tells repeats by their `Idempotency-Key`."""

    name = "webhook"
    vendor = "Any"
    actions: ClassVar[tuple[Action, ...]] = tuple(action for action in ACTIONS if action.name == "notify.send_webhook")

    class Config(Parameters):
        """Where to, and what signs it. `allow_private` accepts an address of the private network."""

        url: HttpUrl
        secret: SecretStr
        allow_private: bool = False

    def execute(self, name: str, params: Mapping[str, Any], context: CallContext) -> ExecutionResult:
        config = cast("Webhook.Config", self.config)
        body = canonical.dumps({"event": params["event"], "data": params.get("data", {})})
        headers = {"Content-Type": "application/json", "Idempotency-Key": context.idempotency_key, **signed(config.secret, body)}
        answer = client.request(
            "POST", str(config.url), headers=headers, content=body, context=context,
            allow_private=config.allow_private, repeatable=bool(context.idempotency_key),
        )  # fmt: skip
        return ExecutionResult({"sent": True, "status": answer.status})

    def health_check(self, context: CallContext) -> Health:
        config = cast("Webhook.Config", self.config)
        port = config.url.port or 443
        found = connections.addresses(str(config.url.host), port, allow_private=config.allow_private)
        return Health(True, f"{config.url.host} resolves to {', '.join(found)}; nothing was sent.")


def signed(secret: SecretStr, body: bytes, timestamp: str = "") -> dict[str, str]:
    """Return the headers that sign `body` at `timestamp` (now, where none is given)."""
    moment = timestamp or str(int(time.time()))
    digest = hmac.new(secret.get_secret_value().encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-RunbookPilot-Timestamp": moment, "X-RunbookPilot-Signature": f"v1={digest}"}
