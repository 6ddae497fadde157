"""The project's settings for tests: a data folder of their own, tasks inline, no operator's environment."""

import os
import tempfile

for name in [name for name in os.environ if name.startswith("RUNBOOKPILOT_") and name != "RUNBOOKPILOT_DATABASE_URL"]:
    del os.environ[name]
os.environ["ENV_FILE"] = "/nonexistent"
os.environ["RUNBOOKPILOT_DATA"] = tempfile.mkdtemp(prefix="runbookpilot-tests-")
os.environ["RUNBOOKPILOT_TASKS"] = "inline"
os.environ["RUNBOOKPILOT_CALL_THREADS"] = "1"
os.environ["RUNBOOKPILOT_LOG_LEVEL"] = "ERROR"

from runbookpilot.settings import *  # noqa: E402, F403
from runbookpilot.settings import DATA_DIR  # noqa: E402

STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir()
