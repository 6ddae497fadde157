"""Verifying the tree: every leaf in its place, every checkpoint as it was signed, none of them gone."""

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence

from audit.models import Checkpoint, Leaf
from audit.services import checkpoints
from audit.services.problems import MOST_PROBLEMS, Problem
from core import canonical, clock, merkle, signing
from core.plurals import counted
from core.reads import Read

CHUNK = 5000
#: A key may be made while a checkpoint is.
LEEWAY = dt.timedelta(minutes=1)


@dataclasses.dataclass(slots=True)
class Finding:
    """How many checkpoints there are, over how many leaves, and what is wrong with them."""

    checkpoints: int = 0
    size: int = 0
    problems: list[Problem] = dataclasses.field(default_factory=list)

    def add(self, number: int, what: str, sentence: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem("", number, what, sentence))


def check() -> Finding:
    """Compute the tree anew from its leaves and compare each checkpoint with it, and the last with the one noted outside."""
    found, keys = Finding(), signing.public_keys()
    leaves, grown, previous = _leaves(found), merkle.Tree(), None
    for checkpoint in Checkpoint.objects.order_by("number").iterator(chunk_size=500):
        _check_place(checkpoint, previous, found)
        _check_signature(checkpoint, keys, found)
        while grown.size < checkpoint.size and (hashed := next(leaves, None)) is not None:
            grown.append(hashed)
        if (grown.size, grown.root.hex()) != (checkpoint.size, checkpoint.root):
            found.add(checkpoint.number, "changed", f"The leaves under checkpoint {checkpoint.number} are not those that it signed.")
        found.checkpoints, found.size, previous = found.checkpoints + 1, checkpoint.size, checkpoint
    _check_rest(leaves, previous, found)
    _check_witness(found)
    return found


def _check_place(checkpoint: Checkpoint, previous: Checkpoint | None, found: Finding) -> None:
    number = previous.number + 1 if previous else 1
    if checkpoint.number != number:
        found.add(number, "removed", f"Checkpoint {number} was removed: {checkpoint.number} comes in its place.")
    elif checkpoint.previous != (checkpoints.digest(previous) if previous else ""):
        found.add(number, "changed", f"Checkpoint {number} does not follow from the one before it.")


def _check_signature(checkpoint: Checkpoint, keys: Sequence[signing.PublicKey], found: Finding) -> None:
    signature = signing.Signature(checkpoint.key_id, checkpoint.signature)
    at = clock.iso(checkpoint.at + LEEWAY)
    if not signing.verify(canonical.dumps(checkpoints.document(checkpoint)), signature, list(keys)):
        found.add(checkpoint.number, "changed", f"The signature of checkpoint {checkpoint.number} does not hold.")
    elif any(key.key_id == checkpoint.key_id and key.valid_from > at for key in keys):
        found.add(checkpoint.number, "changed", f"Checkpoint {checkpoint.number} is signed by a key that came later.")


def _check_rest(leaves: Iterator[bytes], last: Checkpoint | None, found: Finding) -> None:
    """Name leaves that no checkpoint signs; those of a checkpoint that was made meanwhile are none."""
    more = sum(1 for _ in leaves)
    if not more:
        return
    now = checkpoints.latest()
    if now is None or (last is not None and now.number == last.number):
        found.add(found.checkpoints, "inserted", f"{counted(more, 'leaf is', 'leaves are')} under no checkpoint: one was removed, or entries were added.")


def _check_witness(found: Finding) -> None:
    noted = checkpoints.witnessed()
    if noted is None:
        return
    number = noted["checkpoint"]["number"]
    checkpoint = Checkpoint.objects.filter(number=number).first()
    if checkpoint is None or checkpoints.signed(checkpoint) != noted:
        sentence = f"Checkpoint {number} is not the one that this machine noted in {checkpoints.witness_path().name} when it was made"
        found.add(number, "removed", f"{sentence}: it was removed or replaced, or an older backup was restored.")


def _leaves(found: Finding) -> Iterator[bytes]:
    """Yield the hash of each leaf in order; a gap is named once, and ends what can be compared."""
    position, broken = 0, False
    while True:
        rows = _NEXT.all(position=position)
        for at, hash_ in rows:
            if at != position and not broken:
                broken = True
                found.add(position, "removed", f"Leaf {position} of the tree was removed.")
            position = at + 1
            yield merkle.leaf(_bytes(hash_))
        if not rows:
            return


_NEXT = Read(lambda position: Leaf.objects.filter(position__gte=position).order_by("position").values_list("position", "hash")[:CHUNK])


def _bytes(hash_: str) -> bytes:
    try:
        return bytes.fromhex(hash_)
    except ValueError:
        # No hash of ours: the tree will not fit.
        return hash_.encode()
