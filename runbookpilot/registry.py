"""Step actions that belong to apps above the adapters, by dotted path. Each class fulfils the adapter contract."""

STEP_ACTIONS = ("incidents.actions.Incidents",)
