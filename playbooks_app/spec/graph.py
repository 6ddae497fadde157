"""Which step waits for which. Works on any graph, with cycles too, in bounded time."""

from collections.abc import Iterator, Mapping, Sequence

Needs = Mapping[str, Sequence[str]]


def upstream(needs: Needs) -> dict[str, frozenset[str]]:
    """Return, for each step, every step that it waits for, directly or through others."""
    names = list(needs)
    bits = {name: 1 << index for index, name in enumerate(names)}
    reach = dict.fromkeys(names, 0)
    order = list(_needs_first(needs))
    changed = True
    while changed:
        # One round settles a graph without cycles; with cycles, what is reached goes round once more.
        changed = False
        for name in order:
            found = reach[name]
            for need in needs[name]:
                found |= bits.get(need, 0) | reach.get(need, 0)
            changed = changed or found != reach[name]
            reach[name] = found
    return {name: frozenset(other for other in names if bits[other] & reach[name]) for name in names}


def _needs_first(needs: Needs) -> Iterator[str]:
    seen: set[str] = set()
    for start in needs:
        way = [(start, iter(needs[start]))] if start not in seen else []
        seen.add(start)
        while way:
            name, rest = way[-1]
            following = next(rest, None)
            if following is None:
                way.pop()
                yield name
            elif following in needs and following not in seen:
                seen.add(following)
                way.append((following, iter(needs[following])))


def cycles(needs: Needs, most: int = 20) -> list[tuple[str, ...]]:
    """Return up to `most` cycles, each in the order in which its steps would run; a step that needs itself is none."""
    found: list[tuple[str, ...]] = []
    done: set[str] = set()
    for start in needs:
        if start not in done:
            _walk(start, needs, done, found)
    return found[:most]


def _walk(start: str, needs: Needs, done: set[str], found: list[tuple[str, ...]]) -> None:
    way, rests = [start], [iter(needs[start])]
    while way:
        following = next(rests[-1], None)
        if following is None:
            done.add(way.pop())
            rests.pop()
        elif following in way[:-1]:
            # Needs point back, so the way is turned round.
            found.append(tuple(reversed(way[way.index(following) :])))
        elif following in needs and following not in done and following != way[-1]:
            way.append(following)
            rests.append(iter(needs[following]))


def behind_decisions(needs: Needs, members: Needs) -> dict[str, tuple[str, ...]]:
    """Return `needs` with the decision added to each step in its branches that does not wait for it already.

    `members` are the steps in the branches of each decision. A step that waits for another member is left as it is:
    through that one it waits for the decision.
    """
    above = upstream(needs)
    result = {name: tuple(given) for name, given in needs.items()}
    for decision, held in members.items():
        inside = frozenset(held)
        for member in held:
            if member in result and member != decision and not above[member] & (inside | {decision}):
                result[member] = tuple(dict.fromkeys((*result[member], decision)))
    return result
