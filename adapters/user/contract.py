"""Who a user is."""

from adapters.choices import Effect
from adapters.contract import Action, Parameters, Result


class UserName(Parameters):
    """A user by name."""

    user: str


class Person(Result):
    """Department, manager and privileges of a user."""

    found: bool
    department: str = ""
    privileged: bool = False


ACTIONS = (Action(name="user.lookup", params=UserName, result=Person, effect=Effect.READ, target="user"),)
