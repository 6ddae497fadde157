"""How commands answer: tables for people, JSON for programs, one clear line for an error."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from core import canonical
from core.errors import DomainError
from core.plurals import counted

as_json = click.option("--json", "as_json", is_flag=True, help="For programs.")


def show(rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str, columns: Sequence[str] = ()) -> None:
    """Print `rows` as a table of `columns` (all of them where none are named), or as one JSON document."""
    if as_json:
        dump({"results": rows})
        return
    if not rows:
        click.echo(empty)
        return
    names = list(columns or rows[0])
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*("" if row.get(name) is None else str(row[name]) for name in names))
    Console(soft_wrap=False).print(table)


def dump(value: object) -> None:
    """Print `value` as JSON."""
    click.echo(json.dumps(canonical.plain(value), indent=2, ensure_ascii=False))


def say(value: Mapping[str, Any], sentence: str, *, as_json: bool) -> None:
    """Print a sentence for people, or the value for programs."""
    if as_json:
        dump(value)
    else:
        click.echo(sentence)


def counting() -> Callable[[str, int, int], None]:
    """Return what shows how far a copy is: a line a table that holds anything, which counts up on a terminal."""
    alive = sys.stderr.isatty()

    def show_progress(name: str, done: int, total: int) -> None:
        if done >= total > 0:
            click.echo(f"{chr(13) if alive else ''}{name}: {counted(done, 'row')}", err=True)
        elif alive and done:
            click.echo(f"\r{name}: {done} of {counted(total, 'row')}", err=True, nl=False)

    return show_progress


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Turn what was refused into one line and exit code 1."""
    try:
        yield
    except DomainError as error:
        raise click.ClickException(sentence(error)) from error


def sentence(error: DomainError) -> str:
    """Return what was refused, why, and in which fields, on one line."""
    fields = error.fields if isinstance(error.fields, Mapping) else {}
    wrong = "; ".join(f"{name}: {', '.join(map(str, what)) if isinstance(what, list) else what}" for name, what in fields.items())
    return f"{error.sentence} ({wrong})" if wrong else error.sentence
