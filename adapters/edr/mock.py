"""The mock: answers that make a first playbook useful without any vendor."""

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

from adapters.edr.contract import ACTIONS
from adapters.mocking import Answer, MockAdapter, fake_id, keyed
from adapters.models import MockCall


def _status(params: Mapping[str, Any], log: list[MockCall]) -> dict[str, Any]:
    last = next((call.action for call in log if call.action in ("edr.isolate_host", "edr.unisolate_host")), "")
    return {"host": params["host"], "isolated": last == "edr.isolate_host"}


def _tree(params: Mapping[str, Any], _log: list[MockCall]) -> dict[str, Any]:
    processes = [
        {"pid": 612, "parent": 4, "name": "services.exe", "user": "NT AUTHORITY\\SYSTEM"},
        {"pid": 2044, "parent": 612, "name": "wmiprvse.exe", "user": "NT AUTHORITY\\NETWORK SERVICE"},
        {
            "pid": params["pid"],
            "parent": 2044,
            "name": "powershell.exe",
            "command_line": "powershell -nop -w hidden -enc SQBFAFgA",
        },
    ]
    return {"host": params["host"], "suspicious": True, "processes": processes, "remote_hosts": ["10.20.0.15", "10.20.0.31"]}


def _details(params: Mapping[str, Any], _log: list[MockCall]) -> dict[str, Any]:
    digest = hashlib.sha256(f"{params['host']}:{params['pid']}".encode()).hexdigest()
    return {
        "pid": params["pid"],
        "name": "powershell.exe",
        "command_line": "powershell -nop -w hidden -enc SQBFAFgA",
        "sha256": digest,
        "user": "CORP\\svc-deploy",
        "parent": "wmiprvse.exe",
    }


class MockEdr(MockAdapter):
    """Answers for `edr`."""

    name = "mock-edr"
    actions = keyed(ACTIONS)
    answers: ClassVar[Mapping[str, Answer]] = {
        "edr.get_isolation_status": _status,
        "edr.isolate_host": lambda params, _log: {"host": params["host"], "isolated": True},
        "edr.unisolate_host": lambda params, _log: {"host": params["host"], "isolated": False},
        "edr.get_process_tree": _tree,
        "edr.get_process_details": _details,
        "edr.collect_memory_dump": lambda params, _log: {
            "host": params["host"],
            "dump_id": fake_id("dump"),
            "bytes": 2_147_483_648,
        },
        "edr.quarantine_file": lambda params, _log: {"host": params["host"], "path": params["path"], "quarantined": True},
    }
