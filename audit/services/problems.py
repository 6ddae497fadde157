"""What a verification names."""

import dataclasses

MOST_PROBLEMS = 1000


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """Something that does not hold: in which stream (empty: the tree over all), at which number, and what it is in words."""

    stream: str
    seq: int
    what: str
    sentence: str
