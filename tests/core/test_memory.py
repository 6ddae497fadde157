"""What a process has loaded for good is no work for its garbage collector."""

import subprocess
import sys

SETTLED = """
import gc, sys
from core import memory
memory.settle(["fractions"])
assert "fractions" in sys.modules
print(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000)
"""


def test_what_is_loaded_is_looked_at_no_more() -> None:
    found = subprocess.run([sys.executable, "-c", SETTLED], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["True", "True"]
