"""What a process has loaded for good."""

import gc
import importlib
from collections.abc import Iterable


def settle(modules: Iterable[str] = ()) -> None:
    """Import `modules`, then take all that is loaded out of the garbage collector's rounds.

    It stays for as long as the process does, and each look at all of it holds up every thread for a tenth of a second.
    """
    for name in modules:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
