"""Django's settings, from the operator's. One topic a module; each may read those before it."""

from runbookpilot.settings.apps import *
from runbookpilot.settings.base import *
from runbookpilot.settings.console import *
from runbookpilot.settings.database import *
from runbookpilot.settings.logs import *
from runbookpilot.settings.notifications import *
from runbookpilot.settings.rest import *
from runbookpilot.settings.security import *
from runbookpilot.settings.workers import *
