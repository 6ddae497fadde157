"""Packs taken apart, changed and put together again, as a forger would."""

import base64
import json
import zipfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from compliance.spec import verify_pack
from core import canonical

Files = dict[str, bytes]


def files_of(pack: Path) -> Files:
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Files, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def resealed(files: Files, private: Ed25519PrivateKey, *, own: bool = True) -> Files:
    """The files with a manifest that fits them, signed by somebody's key, as a forger would."""
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    manifest = json.loads(files[verify_pack.MANIFEST])
    for item in manifest["files"]:
        content = files[item["path"]]
        item["size"], item["sha256"] = len(content), canonical.sha256(content)
    if own:
        manifest["signer"]["public"] = public
    envelope = json.loads(files[verify_pack.ENVELOPE])
    statement = json.loads(base64.b64decode(envelope["payload"]))
    content = canonical.dumps(manifest)
    statement["subject"][0]["digest"]["sha256"] = canonical.sha256(content)
    payload = canonical.dumps(statement)
    signature = private.sign(verify_pack.pae(verify_pack.PAYLOAD_TYPE, payload))
    envelope["payload"] = base64.b64encode(payload).decode()
    envelope["signatures"] = [
        {"keyid": canonical.sha256(base64.b64decode(public)), "sig": base64.b64encode(signature).decode()}
    ]
    return {**files, verify_pack.MANIFEST: content, verify_pack.ENVELOPE: canonical.dumps(envelope)}
