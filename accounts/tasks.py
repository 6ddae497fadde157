"""What a worker does for people and tenants."""

from accounts.services import keys
from core import clock


def forget_keys() -> int:
    """Forget the answers to POSTs of long ago; return how many."""
    return keys.forget(now=clock.now())
