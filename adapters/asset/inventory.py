"""The inventory in the database: hosts of the entity graph."""

from collections.abc import Mapping
from typing import Any

from adapters.asset.contract import ACTIONS
from adapters.contract import Adapter, CallContext, ExecutionResult, Health
from core.plurals import counted
from entities.selectors import graph


class Inventory(Adapter):
    """Answers from the hosts that the tenant has in its graph. Needs no vendor, and is always live."""

    name = "inventory"
    vendor = "RunbookPilot"
    actions = ACTIONS

    def execute(self, name: str, params: Mapping[str, Any], context: CallContext) -> ExecutionResult:
        found = graph.asset(tenant_id=context.tenant_id, host=str(params["host"]))
        return ExecutionResult(
            {"found": False, "host": params["host"], "criticality": "medium"} if found is None else {"found": True, **found}
        )

    def health_check(self, context: CallContext) -> Health:
        return Health(True, f"{counted(graph.count_hosts(tenant_id=context.tenant_id), 'host')} in the inventory.")
