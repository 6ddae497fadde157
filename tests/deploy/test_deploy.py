"""What `deploy/` names is there: commands, options, settings, queues, files. No image is built here: that needs a container runtime."""

import configparser
import importlib
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from prometheus_client import REGISTRY

from runbookpilot import environment, gauges
from runbookpilot.cli.table import COMMANDS
from runbookpilot.cli.worker import GRACE, SPARE
from runbookpilot.demo import content
from runbookpilot.queues import QUEUES

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
INSTALLED = "/opt/runbookpilot"
PROGRAM = f"{INSTALLED}/.venv/bin/runbookpilot"
COMPOSED = sorted(DEPLOY.glob("compose*.yaml"))
SETTINGS = {f"{environment.PREFIX}{name.upper()}" for name in environment.Settings.model_fields}


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(path)
    return parser


def parsed(words: list[str]) -> click.Context:
    """Let the command line read these words, as it would; raises where it would refuse them."""
    name, *rest = (word.replace("/app/", f"{ROOT}/") for word in words)
    command: click.Command = importlib.import_module(COMMANDS[name][0]).command(name)
    return command.make_context(name, rest)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_there_is(path: Path) -> None:
    program, *words = shlex.split(unit(path)["Service"]["ExecStart"].replace("%i", "alerts"))
    assert program == PROGRAM
    assert parsed(words)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_runs_as_nobody_of_importance_and_writes_only_its_data(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["User"] == "runbookpilot"
    assert (service["NoNewPrivileges"], service["ProtectSystem"], service["CapabilityBoundingSet"]) == ("yes", "strict", "")


def test_a_worker_gets_the_time_that_it_gives_its_tasks() -> None:
    stop = unit(DEPLOY / "systemd" / "runbookpilot-worker@.service")["Service"]["TimeoutStopSec"]
    assert float(stop) > GRACE


def test_every_queue_has_its_worker() -> None:
    wanted = unit(DEPLOY / "systemd" / "runbookpilot.target")["Unit"]["Wants"]
    assert set(re.findall(r"runbookpilot-worker@(\w+)\.service", wanted)) == set(QUEUES)


def test_the_settings_of_the_units_are_settings() -> None:
    given = dict(line.split("=", 1) for line in (DEPLOY / "systemd" / "runbookpilot.env").read_text().splitlines() if line[:1] not in ("#", ""))
    assert environment.read(given).tasks == "celery"
    assert Path(given["RUNBOOKPILOT_DATA"]) == Path("/var/lib") / unit(UNITS[0])["Service"]["StateDirectory"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="There is no systemd-analyze on the PATH.")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    program = tmp_path / "runbookpilot"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for path in (DEPLOY / "systemd").glob("runbookpilot*.[st]*"):
        text = path.read_text().replace(PROGRAM, str(program))
        (tmp_path / path.name).write_text(text)
    names = ["runbookpilot.target", "runbookpilot-prepare.service", "runbookpilot-web.service", "runbookpilot-beat.service"]
    found = [str(tmp_path / name) for name in [*names, "runbookpilot-worker@alerts.service"]]
    shutil.copy(tmp_path / "runbookpilot-worker@.service", found[-1])
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *found], capture_output=True, text=True, timeout=60, check=False)
    ours = [line for line in done.stderr.splitlines() if "runbookpilot" in line]
    assert ours == []
    assert done.returncode == 0, done.stderr


def instructions() -> list[tuple[str, str]]:
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_has_two_stages_and_does_not_run_as_root() -> None:
    stages = [rest for word, rest in instructions() if word == "FROM"]
    users = [rest for word, rest in instructions() if word == "USER"]
    assert (len(stages), stages[0].split()[-1]) == (2, "build")
    assert users == ["10001:10001"]


def test_the_image_holds_files_that_there_are() -> None:
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from=build"):
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest


def test_the_image_starts_a_command_that_there_is() -> None:
    given = dict(instructions())
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert json.loads(given["ENTRYPOINT"]) == [*scripts]
    assert parsed(json.loads(given["CMD"]))


def test_the_image_is_of_a_python_that_the_project_accepts() -> None:
    versions = {tuple(map(int, found)) for found in re.findall(r"python:(\d+)\.(\d+)", (DEPLOY / "Containerfile").read_text())}
    assert len(versions) == 1
    assert min(versions) >= (3, 11)


def test_no_secret_and_no_data_gets_into_the_image() -> None:
    assert {".env", ".git", "data", ".venv"} <= set((ROOT / ".containerignore").read_text().split())


@pytest.mark.parametrize("ignoring", [".containerignore", ".gitignore"])
def test_a_file_with_settings_of_an_installation_gets_nowhere(ignoring: str) -> None:
    named = {item["path"] for path in COMPOSED for service in services(path).values() for item in service.get("env_file", ())}
    assert named
    assert {f"deploy/{name}" for name in named} <= set((ROOT / ignoring).read_text().split())


def services(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())["services"]
    return found


#: What a replayer sees of the data: the folder with what it signs with.
ONLY_READ = [{"type": "volume", "source": "data", "target": "/detector", "read_only": True, "volume": {"subpath": "demo"}}]
OURS = [(path.name, name) for path in COMPOSED for name, service in services(path).items() if service["image"].startswith("runbookpilot:")]


@pytest.mark.parametrize(("file", "name"), OURS)
def test_a_service_runs_a_command_that_there_is(file: str, name: str) -> None:
    assert parsed(services(DEPLOY / file)[name]["command"])


@pytest.mark.parametrize(("file", "name"), OURS)
def test_a_service_writes_only_its_data(file: str, name: str) -> None:
    service = services(DEPLOY / file)[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["volumes"] == (ONLY_READ if service["command"][0] == "replay" else ["data:/data"])
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize(("file", "name"), OURS)
def test_a_service_is_given_settings_that_there_are(file: str, name: str) -> None:
    given = services(DEPLOY / file)[name].get("environment", {})
    assert set(given) <= SETTINGS
    environment.read({key: re.sub(r"\$\{[^}]+\}", "x", value) for key, value in given.items()})


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: path.name)
def test_services_and_volumes_that_are_named_are_there(path: Path) -> None:
    document = yaml.safe_load(path.read_text())
    named = {name for service in document["services"].values() for name in service.get("depends_on", {})}
    mounted = [volume for service in document["services"].values() for volume in service.get("volumes", [])]
    volumes = {volume["source"] if isinstance(volume, dict) else volume.split(":")[0] for volume in mounted}
    assert named <= set(document["services"])
    assert volumes == set(document["volumes"])


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: path.name)
def test_it_is_built_from_the_file_that_is_there(path: Path) -> None:
    for service in services(path).values():
        if build := service.get("build"):
            context = DEPLOY / build["context"]
            assert (context / build["dockerfile"]).resolve() == DEPLOY / "Containerfile"


@pytest.mark.parametrize("path", COMPOSED, ids=lambda path: path.name)
def test_nothing_is_reached_from_outside_of_the_machine(path: Path) -> None:
    ports = [port for service in services(path).values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_queue_has_a_worker_in_production() -> None:
    found = services(DEPLOY / "compose.production.yaml").values()
    assert {service["command"][2] for service in found if service.get("command", [""])[0] == "worker"} == set(QUEUES)


def test_a_worker_in_production_gets_the_time_that_it_gives_its_tasks() -> None:
    worker = services(DEPLOY / "compose.production.yaml")["worker-executions"]
    assert float(worker["stop_grace_period"].removesuffix("s")) > GRACE


def connections(words: list[str], pool: int) -> int:
    """The most connections that the processes of a command open."""
    given = parsed(words)
    if words[0] == "worker":
        threads = environment.Settings.model_fields["call_threads"].default
        return int(given.params["processes"] * (given.params["concurrency"] + threads + SPARE))
    return int(given.params.get("processes", 1) * pool) if words[0] in ("web", "beat") else 0


def test_the_database_has_a_connection_for_everybody() -> None:
    pool = environment.Settings.model_fields["database_pool"].default
    found = services(DEPLOY / "compose.production.yaml")
    most = int(found["database"]["command"][-1].partition("=")[2])
    assert sum(connections(service["command"], pool) for service in found.values() if service["image"].startswith("runbookpilot:")) < most


def test_the_guide_counts_the_connections_of_the_units() -> None:
    pool = environment.Settings.model_fields["database_pool"].default
    commands = [shlex.split(unit(path)["Service"]["ExecStart"].replace("%i", "alerts"))[1:] for path in UNITS]
    total = sum(connections(words, pool) * (len(QUEUES) if words[0] == "worker" else 1) for words in commands)
    assert f"= {total}:" in (ROOT / "docs" / "how-to" / "production.md").read_text()


def test_the_guide_watches_numbers_that_there_are() -> None:
    text = (ROOT / "docs" / "how-to" / "production.md").read_text()
    metrics = {family.name for family in REGISTRY.collect()}
    assert gauges.DEAD
    assert set(re.findall(r"`(runbookpilot_\w+)`", text)) <= metrics


def test_the_replayer_signs_with_what_the_demo_leaves_for_it() -> None:
    words = services(DEPLOY / "compose.detectforge.yaml")["replayer"]["command"]
    name = next(word for word in words if word.startswith("--sender=")).removeprefix("--sender=/detector/")
    assert name == f"{content.SOURCE}.json"


def test_recorded_alerts_start_what_the_library_has_for_them() -> None:
    found = [json.loads(line) for line in (DEPLOY / "detectforge" / "alerts.ndjson").read_text().splitlines()]
    techniques = {alert["threat"]["technique"][0]["id"] for alert in found}
    assert {"T1047", "T1003.001", "T1071.001"} <= techniques
    assert len({alert["event"]["id"] for alert in found}) == len(found)
