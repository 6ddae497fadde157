"""What an inventory knows of a host."""

from typing import Any

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class HostName(Parameters):
    """A host by name."""

    host: str


class Asset(Result):
    """Criticality (low, medium, high, crown-jewel), owner and services of a host."""

    found: bool
    criticality: str = "medium"
    owner: str = ""
    services: list[Any] = []


ACTIONS = (Action(name="asset.lookup", params=HostName, result=Asset, effect=Effect.READ, target="host"),)
