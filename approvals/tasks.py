"""What a worker does for approvals."""

from approvals.services import requests
from core import clock
from core.actors import system


def expire_due() -> int:
    """Let requests whose time has run out follow their time-out rule; return how many."""
    return requests.expire_due(actor=system("clock"), now=clock.now())
