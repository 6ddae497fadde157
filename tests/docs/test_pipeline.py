"""What the pipeline runs is what everybody runs: targets of the Makefile, on every Python that the project names."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
STEPS = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
RUN = {target for step in STEPS for target in re.findall(r"^make ([a-z-]+)", step.get("run", ""), re.MULTILINE)}


def test_the_pipeline_runs_targets_that_there_are() -> None:
    assert not RUN - TARGETS


def test_the_pipeline_runs_every_check() -> None:
    assert {"check", "test", "browser", "chaos-short", "docs", "security"} <= RUN


def test_the_pipeline_may_only_read() -> None:
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_owners_own_what_there_is() -> None:
    lines = [line.split() for line in (ROOT / ".github" / "CODEOWNERS").read_text().splitlines() if line and line[0] == "/"]
    assert [path for path, *_ in lines if not (ROOT / path.lstrip("/")).exists()] == []
