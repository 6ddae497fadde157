"""The deployment's ed25519 signing keys, kept as files with their periods of validity.

Each file under DATA/keys/signing holds one key; the newest signs, all verify.
"""

import base64
import dataclasses
import datetime as dt
import json
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from django.conf import settings

from core import canonical, clock, private_files


@dataclasses.dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key as verifiers get it: `key_id` is the sha256 of the raw 32 bytes, `key` their base64."""

    key_id: str
    key: str
    valid_from: str

    def to_dict(self) -> dict[str, str]:
        """Return the form in which keys are published."""
        return {"keyid": self.key_id, "keytype": "ed25519", "public": self.key, "valid_from": self.valid_from}


@dataclasses.dataclass(frozen=True, slots=True)
class Signature:
    """A signature with the id of the key that made it; `signature` is base64."""

    key_id: str
    signature: str


def sign(message: bytes) -> Signature:
    """Return a signature of `message` by the newest key; the first key is made on first use."""
    path = _newest() or generate(clock.now())
    record = json.loads(path.read_text())
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(record["private"]))
    return Signature(record["keyid"], base64.b64encode(private.sign(message)).decode())


def verify(message: bytes, signature: Signature, keys: list[PublicKey]) -> bool:
    """Return whether one of `keys` with the signature's id made it over `message`."""
    for key in keys:
        if key.key_id != signature.key_id:
            continue
        try:
            public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.key))
            public.verify(base64.b64decode(signature.signature), message)
        except (InvalidSignature, ValueError):
            continue
        return True
    return False


def public_keys() -> list[PublicKey]:
    """Return every public key of this deployment, oldest first."""
    records = [json.loads(path.read_text()) for path in sorted(_folder().glob("*.json"))]
    return [PublicKey(record["keyid"], record["public"], record["valid_from"]) for record in records]


def generate(now: dt.datetime) -> Path:
    """Make a new key, which signs from now on, and return its file."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    record = {
        "keyid": canonical.sha256(public),
        "public": base64.b64encode(public).decode(),
        "private": base64.b64encode(private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())).decode(),
        "valid_from": clock.iso(now),
    }
    first = _newest() is None
    name = "0000-first.json" if first else f"{now:%Y%m%dT%H%M%S%f}-{record['keyid'][:8]}.json"
    path = _folder() / name
    private_files.write_private(path, json.dumps(record).encode())
    return path


def _newest() -> Path | None:
    return max(_folder().glob("*.json"), default=None)


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "keys" / "signing"
