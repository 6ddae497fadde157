"""A process in which Django is set up on an empty database before a family of benchmarks is imported."""

import importlib
import sys

import django
from django.core.management import call_command


def main(module: str, benches: list[str]) -> None:
    """Measure these benchmarks of a module."""
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    importlib.import_module(module).measure(benches)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
