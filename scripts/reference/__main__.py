"""Write what is generated in docs/, or with --check say what is out of date and write nothing."""

import os
import sys
import tempfile
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Return the exit code: 1 where a page is out of date and was only checked."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "runbookpilot.settings"
    for name in [name for name in os.environ if name.startswith("RUNBOOKPILOT_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as data:
        # The pages say what holds for everybody: neither an operator's settings nor an operator's data are read.
        os.environ |= {"RUNBOOKPILOT_DATA": data, "RUNBOOKPILOT_LOG_LEVEL": "ERROR", "ENV_FILE": os.devnull}
        import django  # noqa: PLC0415  The environment is set first.

        django.setup()
        from scripts.reference import build  # noqa: PLC0415  Its pages import models.

        stale = build.stale()
        if "--check" not in arguments:
            for path, text in stale.items():
                Path(path).write_text(text, encoding="utf-8")
                sys.stdout.write(f"{path.relative_to(build.ROOT)} is written.\n")
            return 0
    for path in stale:
        sys.stderr.write(f"{path.relative_to(build.ROOT)} is out of date: run make reference\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
