"""Numbers with their nouns. Needs no settings, unlike Django's."""


def counted(number: int, one: str, many: str = "") -> str:
    """Return `1 problem` or `2 problems`; `many` is needed where it is not `one` with an s."""
    return f"{number} {one if number == 1 else many or one + 's'}"
