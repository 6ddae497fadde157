"""The command `runbookpilot`: one table of commands, each loaded when it is called."""

import importlib
import os
import sys
from typing import Any

import click

from runbookpilot.cli.table import COMMANDS, STARTS_EXECUTIONS, WITHOUT_DJANGO


class LazyCommands(click.Group):
    """Finds a command in the table, and starts Django only for those that need it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        if cmd_name not in WITHOUT_DJANGO:
            # The command is looked up before the options below take effect, and Django reads the level when it starts.
            _set_log_level(verbose=bool(ctx.params.get("verbose")))
            start_django()
        command: click.Command = importlib.import_module(module).command(cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


def start_django() -> None:
    """Set Django up with the project's settings; a configuration that is not valid ends the command with all its problems."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "runbookpilot.settings")
    try:
        importlib.import_module("django").setup()
    except importlib.import_module("runbookpilot.environment").ConfigurationError as error:
        raise click.ClickException(str(error)) from error


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--verbose", "-v", is_flag=True, help="Write log lines of every level.")
@click.option("--dry-run", is_flag=True, help="Simulate every write (a drill).")
@click.option("--automation-level", type=click.Choice(["L0", "L1", "L2"]), help="The highest level for what this command starts.")
@click.option(
    "--enable-l2", is_flag=True, help="Accept L2 for what this command starts; deployment and tenant still have to allow it."
)
@click.pass_context
def cli(ctx: click.Context, /, **options: Any) -> None:
    """RunbookPilot: playbooks that ask before they act, and evidence that anyone can verify."""
    used = {name: value for name, value in options.items() if name != "verbose" and value}
    if used and ctx.invoked_subcommand not in STARTS_EXECUTIONS:
        names = ", ".join("--" + name.replace("_", "-") for name in used)
        raise click.UsageError(f"{names} means nothing to {ctx.invoked_subcommand}: it starts no execution.")
    ctx.obj = options


def _set_log_level(*, verbose: bool) -> None:
    if verbose:
        os.environ["RUNBOOKPILOT_LOG_LEVEL"] = "DEBUG"
    else:
        os.environ.setdefault("RUNBOOKPILOT_LOG_LEVEL", "WARNING")


def main() -> None:
    """Run the command line; errors are one line and an exit code (2: usage, 1: refused or failed)."""
    cli(prog_name="runbookpilot", args=sys.argv[1:])
