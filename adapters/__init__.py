"""The outside world: contract, registry, instances, calls, the one HTTP client, one folder per capability.

Nothing else in the project opens a connection to the outside. May import `entities` and below.
"""
