"""The house stands as it is drawn: imports and foreign keys look back, and each contract catches what it forbids."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.utils.module_loading import import_string

ROOT = Path(__file__).resolve().parent.parent.parent
ORDER = [
    "core",
    "audit",
    "accounts",
    "entities",
    "adapters",
    "approvals",
    "incidents",
    "playbooks_app",
    "compliance",
    "runbookpilot",
]
RANK = {name: position for position, name in enumerate(ORDER)}
RANK["incidents"] = RANK["approvals"]

PLANTED = (
    ("flow", "core/planted.py", "import audit\n"),
    ("flow", "approvals/services/planted.py", "import incidents\n"),
    ("flow", "audit/services/planted.py", "import accounts\n"),
    ("rooms", "approvals/helpers.py", "X = 1\n"),
    ("rooms", "compliance/selectors/planted.py", "import compliance.services\n"),
    ("pure", "playbooks_app/spec/planted.py", "import django\n"),
    ("pure", "playbooks_app/engine/planted.py", "import core.clock, core.signing\n"),
    ("pure", "incidents/spec/planted.py", "import rest_framework\n"),
    ("pure", "compliance/spec/planted.py", "import celery\n"),
    ("kinds", "adapters/edr/planted.py", "import adapters.siem\n"),
    ("no-http", "incidents/planted.py", "import socket\n"),
    ("journal", "accounts/planted.py", "import audit.models\n"),
)


def lint_imports(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())"]
    return subprocess.run(
        [*command, "--contract", contract, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120
    )


@pytest.fixture(scope="module")
def copy_of_the_house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    for name in ORDER:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_a_violation_is_planted_for_each_contract() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {contract for contract, _, _ in PLANTED} == {contract["id"] for contract in contracts}


@pytest.mark.parametrize("contract", sorted({contract for contract, _, _ in PLANTED}))
def test_each_contract_holds(copy_of_the_house: Path, contract: str) -> None:
    done = lint_imports(copy_of_the_house, contract)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("contract", "name", "text"), PLANTED)
def test_each_contract_catches_a_planted_violation(copy_of_the_house: Path, contract: str, name: str, text: str) -> None:
    planted = copy_of_the_house / name
    planted.write_text(text)
    try:
        after = lint_imports(copy_of_the_house, contract)
    finally:
        planted.unlink()
    assert after.returncode == 1, after.stdout + after.stderr


def test_foreign_keys_only_look_back() -> None:
    wrong = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for name in ORDER
        for model in apps.get_app_config(name).get_models()
        for field in model._meta.get_fields()
        if field.many_to_one or field.one_to_one or field.many_to_many
        if not field.auto_created and getattr(field.related_model, "_meta", None)
        if RANK.get(field.related_model._meta.app_label, -1) > RANK[name]
    ]
    assert wrong == []


def test_every_task_that_the_wiring_wakes_exists() -> None:
    wiring = import_string(settings.WIRING)
    paths = sorted({path for paths in wiring.values() for path in paths})
    assert paths
    assert all(callable(import_string(path)) for path in paths)


def test_no_python_file_is_a_dumping_ground() -> None:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    # The verifier travels in every pack as one file that needs nothing else.
    excused = {"compliance/spec/verify_pack.py"}
    long = [
        name
        for name in listed
        if "/migrations/" not in name and name not in excused and len((ROOT / name).read_text().splitlines()) > 400
    ]
    assert long == []
