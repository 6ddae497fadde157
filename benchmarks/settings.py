"""The project's settings, with the benchmarks' adapters and the bare view that lists are compared with."""

from runbookpilot.settings import *

STEP_ACTIONS = "benchmarks.adapters.ALL"
ROOT_URLCONF = "benchmarks.urls"
