"""A loaded demo, loaded once, of which the commands of each module have a copy."""

import shutil

import pytest

from tests.runbookpilot.cli.terminal import CommandLine


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    assert CommandLine(folder).run("demo", "--no-serve").returncode == 0
    return folder


@pytest.fixture(scope="module")
def cli(demo, tmp_path_factory):
    return CommandLine(shutil.copytree(demo, tmp_path_factory.mktemp("copy") / "data"))


@pytest.fixture(scope="module")
def analyst(cli):
    return cli.json("token", "create", "analyst")["token"]


@pytest.fixture(scope="module")
def lead(cli):
    return cli.json("token", "create", "lead")["token"]
