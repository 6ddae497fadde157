"""What endpoint detection and response does."""

from typing import Any

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class Host(Parameters):
    """A host, by id or name."""

    host: str
    comment: str | None = None


class Process(Parameters):
    """A process on a host."""

    host: str
    pid: int | str


class File(Parameters):
    """A file on a host."""

    host: str
    path: str
    sha256: str | None = None


class Isolation(Result):
    """Whether the host is cut off from the network."""

    isolated: bool


class ProcessTree(Result):
    """A process with its parents and children."""

    suspicious: bool = False
    processes: list[dict[str, Any]] = []
    remote_hosts: list[str] = []


class ProcessDetails(Result):
    """One process: command line, hashes, user."""

    name: str = ""
    command_line: str = ""
    sha256: str = ""
    user: str = ""


class Dump(Result):
    """Where a memory dump is kept."""

    dump_id: str


class Quarantined(Result):
    """Whether the file is in quarantine."""

    quarantined: bool


def _isolated(output: Any, _params: Any) -> bool:
    return bool(output.get("isolated"))


def _connected(output: Any, _params: Any) -> bool:
    return not output.get("isolated")


ACTIONS = (
    Action(
        name="edr.isolate_host",
        verb="Isolate host",
        params=Host,
        result=Isolation,
        effect=Effect.REVERSIBLE,
        target="host",
        look="edr.get_isolation_status",
        settled=_isolated,
        undo="edr.unisolate_host",
        predict=lambda _: {"isolated": True},
    ),
    Action(
        name="edr.unisolate_host",
        verb="Reconnect host",
        params=Host,
        result=Isolation,
        effect=Effect.REVERSIBLE,
        target="host",
        look="edr.get_isolation_status",
        settled=_connected,
        undo="edr.isolate_host",
        predict=lambda _: {"isolated": False},
    ),
    Action(name="edr.get_isolation_status", params=Host, result=Isolation, effect=Effect.READ, target="host"),
    Action(name="edr.get_process_tree", params=Process, result=ProcessTree, effect=Effect.READ, target="host"),
    Action(name="edr.get_process_details", params=Process, result=ProcessDetails, effect=Effect.READ, target="host"),
    Action(
        name="edr.collect_memory_dump",
        verb="Collect memory of",
        params=Host,
        result=Dump,
        effect=Effect.REVERSIBLE,
        takes_key=True,
        target="host",
        predict=lambda _: {"dump_id": "predicted"},
    ),
    Action(
        name="edr.quarantine_file",
        verb="Quarantine file on",
        params=File,
        result=Quarantined,
        effect=Effect.REVERSIBLE,
        takes_key=True,
        target="host",
        predict=lambda _: {"quarantined": True},
    ),
)
