"""Constants that stand in the text of a query."""

from typing import Any

from django.db import models


class Literal(models.Expression):
    """A word of ours in the text itself, by which SQLite can tell that a partial index fits: of a parameter it cannot."""

    def __init__(self, word: str) -> None:
        if not (word == "" or word.isidentifier()):
            raise ValueError(f"{word!r} is no word, and has to be a parameter")
        super().__init__(output_field=models.CharField())
        self.word = word

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return f"'{self.word}'", ()
