"""Values that are given on the command line by name."""

import json
from collections.abc import Sequence
from typing import Any

import click


def named(pairs: Sequence[str]) -> dict[str, Any]:
    """Return the values of `NAME=VALUE` pairs, JSON where it parses and text otherwise; ends the command for any other form."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, given, value = pair.partition("=")
        if not (name and given):
            raise click.UsageError(f"--set {pair}: it has the form NAME=VALUE.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
