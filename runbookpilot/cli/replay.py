"""`runbookpilot replay`"""

import dataclasses
import json
import re
import signal
from pathlib import Path

import click

from core.plurals import counted
from runbookpilot import environment, replaying
from runbookpilot.cli import output

SECONDS = {"second": 1, "minute": 60, "hour": 3600}
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _interval(_ctx: click.Context, _param: click.Parameter, rate: str) -> float:
    found = re.fullmatch(r"([1-9][0-9]{0,4})/(second|minute|hour)", rate)
    if found is None:
        raise click.BadParameter(f"{rate!r} is no rate: write 5/second, 30/minute or 100/hour.")
    return SECONDS[found[2]] / int(found[1])


@click.command("replay")
@click.argument("file", type=FILE)
@click.option("--to", "url", required=True, help="The address of the server: https://runbooks.example.org")
@click.option("--rate", "interval", default="1/second", show_default=True, callback=_interval, help="No more than this.")
@click.option("--as-new", is_flag=True, help="Give each alert an id and a time of its own; without, a second time is a duplicate.")
@click.option("--forever", is_flag=True, help="Begin again at the end of the file, until told to stop.")
@click.option("--sender", "sender_file", type=click.Path(dir_okay=False, path_type=Path), help='JSON with "source" and "secret" of an alert source, instead of a token.')
@output.as_json
def replay(file: Path, url: str, sender_file: Path | None, as_json: bool, interval: float, as_new: bool, forever: bool) -> None:
    """Send the recorded alerts of FILE to a server, one by one, as a detector would.

    As the owner of RUNBOOKPILOT_TOKEN, or signed. One that is not answered is sent again until it is. SIGTERM and Ctrl-C
    let the request under way end. Exit code 3 where an alert was refused.
    """
    sent = replaying.Replay(url, _sender(sender_file), interval, lambda sentence: click.echo(sentence, err=True))
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: sent.stop.set())
    try:
        sent.run(replaying.again_and_again(file, forever=forever, as_new=as_new))
    except replaying.NotSent as error:
        raise click.ClickException(str(error)) from error
    except (OSError, ValueError) as error:
        raise click.ClickException(f"{file} cannot be read: {error}") from error
    count = sent.count
    sentence = f"{count.accepted} accepted, {count.duplicates} of them known already; {count.refused} refused; {counted(count.repeated, 'try', 'tries')} again."
    output.say(dataclasses.asdict(count), sentence, as_json=as_json)
    raise SystemExit(3 if count.refused else 0)


def _sender(file: Path | None) -> replaying.Sender:
    if file is None:
        try:
            token = environment.load().token.get_secret_value()
        except environment.ConfigurationError as error:
            raise click.ClickException(str(error)) from error
        if not token:
            raise click.ClickException("Say who sends: set RUNBOOKPILOT_TOKEN, or name a file with --sender.")
        return replaying.Sender(token=token)
    try:
        found = json.loads(file.read_bytes())
        return replaying.Sender(source=str(found["source"]), secret=str(found["secret"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise click.ClickException(f'{file} has to be JSON with "source" and "secret".') from error


def command(_name: str) -> click.Command:
    """Return the command of this name, for the table."""
    return replay
