"""A loaded demo that the commands of a module share."""

import pytest

from tests.runbookpilot.cli.terminal import CommandLine


@pytest.fixture(scope="module")
def cli(tmp_path_factory):
    line = CommandLine(tmp_path_factory.mktemp("data"))
    assert line.run("demo", "--no-serve").returncode == 0
    return line


@pytest.fixture(scope="module")
def analyst(cli):
    return cli.json("token", "create", "analyst")["token"]


@pytest.fixture(scope="module")
def lead(cli):
    return cli.json("token", "create", "lead")["token"]
