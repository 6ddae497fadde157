"""Constants that stand in the text of a query."""

from typing import Any

from django.db import models


class Literal(models.Expression):
    """A word or number of ours in the text itself, by which SQLite can tell that a partial index fits: of a parameter it cannot."""

    def __init__(self, word: str | int) -> None:
        if not (isinstance(word, int) or word == "" or word.isidentifier()):
            raise ValueError(f"{word!r} is no word, and has to be a parameter")
        super().__init__(output_field=models.IntegerField() if isinstance(word, int) else models.CharField())
        self.word = word

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        return str(self.word) if isinstance(self.word, int) else f"'{self.word}'", ()
