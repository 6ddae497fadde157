"""The project's settings for tests: a data folder of their own, tasks inline, no operator's environment."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

for name in [name for name in os.environ if name.startswith("RUNBOOKPILOT_") and name != "RUNBOOKPILOT_DATABASE_URL"]:
    del os.environ[name]
os.environ["ENV_FILE"] = "/nonexistent"
os.environ["RUNBOOKPILOT_DATA"] = tempfile.mkdtemp(prefix="runbookpilot-tests-")
atexit.register(shutil.rmtree, os.environ["RUNBOOKPILOT_DATA"], ignore_errors=True)
os.environ["RUNBOOKPILOT_TASKS"] = "inline"
os.environ["RUNBOOKPILOT_CALL_THREADS"] = "1"
os.environ["RUNBOOKPILOT_LOG_LEVEL"] = "ERROR"

from runbookpilot.settings import *  # noqa: E402, F403
from runbookpilot.settings import DATA_DIR, DATABASES  # noqa: E402

STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir()

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A database in memory refuses a second thread at once; only a file waits for its lock, as it does in use.
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="runbookpilot-tests-", dir=memory if memory.is_dir() else None)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    DATABASES["default"]["TEST"] = {"NAME": str(Path(folder) / "test.sqlite3")}
