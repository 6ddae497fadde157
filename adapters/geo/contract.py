"""Where an address is."""

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class GeoAddress(Parameters):
    """An address."""

    ip: str


class Place(Result):
    """Country and network of an address."""

    found: bool
    country: str = ""
    network: str = ""


ACTIONS = (Action(name="geo.lookup", params=GeoAddress, result=Place, effect=Effect.READ, target="ip"),)
