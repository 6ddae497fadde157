"""Writing Markdown: pages, tables, cells."""

from collections.abc import Iterable, Sequence

NOTE = "<!-- Generated from the code by `make reference`; edit the code instead. -->"


def page(title: str, *parts: str) -> str:
    """Return a page with its title, the note that it is generated, and its parts."""
    return "\n\n".join([f"# {title}", NOTE, *(part.strip("\n") for part in parts if part)]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell(item) for item in line) + " |" for line in lines)


def cell(value: object) -> str:
    """Return a value on one line, in which a bar does not end the cell."""
    return " ".join(str(value).split()).replace("|", "\\|")


def code(*words: object) -> str:
    """Return words as code, separated by commas."""
    return ", ".join(f"`{word}`" for word in words if str(word))


def mermaid(text: str) -> str:
    """Return a diagram in its fence."""
    return f"```mermaid\n{text.strip()}\n```"
