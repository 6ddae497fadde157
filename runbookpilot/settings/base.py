"""Names, paths and time."""

import os

from core.paths import ROOT
from core.private_files import secret_key
from runbookpilot import environment

OPERATOR = environment.load()

BASE_DIR = ROOT
DATA_DIR = OPERATOR.data.absolute()
DEBUG = OPERATOR.debug
BASE_URL = OPERATOR.base_url.rstrip("/")

SECRET_KEY = OPERATOR.secret_key.get_secret_value() or secret_key(DATA_DIR / "keys" / "django.key")
SECRET_KEYS = [key.get_secret_value() for key in OPERATOR.secret_keys]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [ROOT / "static"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

WIRING = "runbookpilot.wiring.HANDLERS"
WIRING_DIRECT = "runbookpilot.wiring.DIRECT"
ADAPTERS_FILE = OPERATOR.adapters_file
#: Holds secrets, as its name tells Django's error pages.
ADAPTERS_SECRET = environment.adapters(os.environ, environment.env_file())
STEP_ACTIONS = "runbookpilot.registry.STEP_ACTIONS"
MAX_LEVEL = OPERATOR.max_level
L2_ENABLED = OPERATOR.enable_l2
ALERT_MAX_BYTES = OPERATOR.alert_max_bytes
BATCH_MAX_BYTES = OPERATOR.batch_max_bytes
CLI_TOKEN = OPERATOR.token.get_secret_value()
