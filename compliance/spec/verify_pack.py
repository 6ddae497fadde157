#!/usr/bin/env python3
"""Verify an evidence pack: the zip as exported, or the folder that it was unpacked into.

    python verify.py PACK --key KEY

KEY is the public key of whoever made the pack, obtained another way than with the pack: base64 text, or a file
with base64, PEM, or the JSON of /.well-known/runbookpilot/keys.json. Needs Python 3.8 or later and nothing else;
it opens no connection, unpacks nothing and writes nothing. The answer, the worst first, is also the exit code:
TAMPERED 5, MISSING 4, STALE_APPROVAL 3, UNSIGNED 2, UNTRUSTED_KEY 1 (the key came only from the pack), VERIFIED 0.
It is one file on purpose, so that whoever has to trust it can read it whole.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import decimal
import hashlib
import json
import os
import stat
import struct
import sys
import zipfile
import zlib
from typing import IO, Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

VERDICTS = ("VERIFIED", "UNTRUSTED_KEY", "UNSIGNED", "STALE_APPROVAL", "MISSING", "TAMPERED")
MANIFEST, ENVELOPE, NOTARY = "manifest.json", "attestations/manifest.dsse.json", "notary/"
ENTRIES, APPROVALS = "audit/entries.jsonl", "records/approvals.jsonl"
CALLS, RECEIPTS = "records/calls.jsonl", "records/receipts.jsonl"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
CHUNK, MAX_JSON, MAX_FILES, MAX_TOTAL = 1 << 16, 64 << 20, 65000, 4 << 30
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError, RecursionError)


class Entry(NamedTuple):
    """A file for a zip: its name, size, CRC-32, and how to open it."""

    name: str
    size: int
    crc: int
    open: Callable[[], IO[bytes]]


class Report:
    """What was found wrong, and how much was looked at."""

    def __init__(self) -> None:
        self.findings: List[Dict[str, str]] = []
        self.notes: List[str] = []
        self.counts: Dict[str, int] = {"files": 0, "entries": 0, "approvals": 0, "calls": 0, "receipts": 0}

    def add(self, verdict: str, where: str, why: str) -> None:
        self.findings.append({"verdict": verdict, "where": where, "why": why})

    @property
    def verdict(self) -> str:
        return max((finding["verdict"] for finding in self.findings), key=VERDICTS.index, default="VERIFIED")

    @property
    def exit_code(self) -> int:
        return VERDICTS.index(self.verdict)

    def to_dict(self) -> Dict[str, Any]:
        worst_first = sorted(self.findings, key=lambda finding: -VERDICTS.index(finding["verdict"]))
        return {"verdict": self.verdict, "findings": worst_first, "notes": self.notes, "checked": self.counts}


# Canonical JSON (RFC 8785).


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of a value that came from JSON; raises ValueError for what has none."""
    return _render(value).encode("utf-8")


def digest(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def _render(value: Any) -> str:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
        return "{" + ",".join(_render(key) + ":" + _render(value[key]) for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_render, value)) + "]"
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """Return a float as ECMAScript writes it: the shortest digits that read back the same."""
    if value == 0:
        return "0"
    sign, figures, exponent = decimal.Decimal(repr(value)).as_tuple()
    if not isinstance(exponent, int):
        raise ValueError("not a finite number")
    digits = "".join(map(str, figures)).rstrip("0")
    point = len(figures) + exponent
    if len(digits) <= point <= 21:
        text = digits.ljust(point, "0")
    elif 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        text = digits[0] + ("." + digits[1:] if digits[1:] else "") + "e%+d" % (point - 1)
    return "-" * sign + text


def parse(content: bytes) -> Any:
    return json.loads(content.decode("utf-8"), parse_constant=_no_constant)


def _no_constant(name: str) -> None:
    raise ValueError(name + " is not JSON")


# Ed25519 (RFC 8032), verification alone.

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
Point = Tuple[int, int, int, int]


def _plus(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(scalar: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _plus(result, point)
        point, scalar = _plus(point, point), scalar >> 1
    return result


def _point(encoded: bytes) -> Optional[Point]:
    number = int.from_bytes(encoded, "little")
    y, odd = number & ((1 << 255) - 1), number >> 255
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if y >= _P or (x * x - square) % _P or (x == 0 and odd):
        return None
    x = x if x & 1 == odd else _P - x
    return (x, y, 1, x * y % _P)


_BASE = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))


def signed_by(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether the owner of the 32-byte ed25519 key `public` signed `message`."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment, scalar = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or _BASE is None or scalar >= _L:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _L
    left, right = _times(scalar, _BASE), _plus(commitment, _times(challenge, key))
    return not ((left[0] * right[2] - right[0] * left[2]) % _P or (left[1] * right[2] - right[1] * left[2]) % _P)


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return what a DSSE signature covers."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def strict_base64(text: str) -> bytes:
    content = base64.b64decode(text.encode("ascii"), validate=True)
    if base64.b64encode(content).decode("ascii") != text:
        raise ValueError("not canonical base64")
    return content


# Where a pack's files are.


def safe(name: str) -> bool:
    """Return whether `name` can only mean a file inside the pack."""
    parts = name.split("/")
    return name.isprintable() and not set(name) & set("\\:") and not {"", ".", ".."} & set(parts) and len(name) <= 512


class Folder:
    """A pack that was unpacked into a folder."""

    def __init__(self, path: str, report: Report) -> None:
        self.path = path
        self.names: List[str] = []
        for root, folders, files in os.walk(path):
            for base in folders + files:
                full = os.path.join(root, base)
                name, mode = os.path.relpath(full, path).replace(os.sep, "/"), os.lstat(full).st_mode
                if stat.S_ISREG(mode):
                    self.names.append(name)
                elif not stat.S_ISDIR(mode):
                    report.add("TAMPERED", name, "is not a plain file")
            if len(self.names) > MAX_FILES:
                raise ValueError("more than %d files" % MAX_FILES)

    def open(self, name: str) -> IO[bytes]:
        return open(os.path.join(self.path, *name.split("/")), "rb")


class Zip:
    """A pack as one zip. Nothing is unpacked; what could mislead another tool is a finding."""

    def __init__(self, path: str, report: Report) -> None:
        self.path = path
        self.archive = zipfile.ZipFile(path)
        self.members: Dict[str, zipfile.ZipInfo] = {}
        members = self.archive.infolist()
        if len(members) > MAX_FILES or sum(member.file_size for member in members) > MAX_TOTAL:
            raise ValueError("more than %d files or %d bytes" % (MAX_FILES, MAX_TOTAL))
        for member in members:
            name, mode = member.orig_filename, member.external_attr >> 16
            if not safe(name[:-1] if name.endswith("/") else name) or name != member.filename:
                report.add("TAMPERED", name, "has a name that could lead out of the folder that it is unpacked into")
            elif name in self.members:
                report.add("TAMPERED", name, "is in the zip twice")
            elif member.flag_bits & 1 or (stat.S_IFMT(mode) and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))):
                report.add("TAMPERED", name, "is encrypted or not a plain file")
            elif member.compress_type == zipfile.ZIP_STORED and member.compress_size != member.file_size:
                report.add("TAMPERED", name, "has two sizes")
            elif not name.endswith("/"):
                self.members[name] = member
        self.names = list(self.members)

    def open(self, name: str) -> IO[bytes]:
        return self.archive.open(self.members[name])

    def check_container(self, report: Report) -> None:
        """Find a byte changed outside of the files' content, by writing the zip again as an export does."""
        entries = [Entry(n, m.file_size, m.CRC, lambda n=n: self.open(n)) for n, m in sorted(self.members.items())]  # type: ignore[misc]
        different, first, position = 0, 0, 0
        with open(self.path, "rb") as actual:
            for expected in zip_stream(entries):
                found = actual.read(len(expected))
                if found != expected:
                    wrong = [i for i in range(min(len(expected), len(found))) if expected[i] != found[i]]
                    first = first or position + (wrong[0] if wrong else 0) + 1
                    different += len(wrong) + (MAX_FILES if len(found) != len(expected) else 0)
                position += len(expected)
            different += MAX_FILES if actual.read(1) else 0
        if 0 < different <= 16:
            report.add("TAMPERED", os.path.basename(self.path), "byte %d of the zip is not as exported" % first)
        elif different:
            report.notes.append("Another tool wrote this zip: its files were checked, its container was not.")


def zip_stream(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Yield a zip of `entries` in the given order, uncompressed, with fixed times: the same files give the same bytes."""
    directory, offset, count = b"", 0, 0
    for entry in entries:
        name = entry.name.encode("utf-8")
        fields = struct.pack("<HHHHHLLLHH", 20, 0x800, 0, 0, 0x21, entry.crc, entry.size, entry.size, len(name), 0)
        yield b"PK\x03\x04" + fields + name
        with entry.open() as file:
            for chunk in iter(lambda: file.read(CHUNK), b""):
                yield chunk
        tail = struct.pack("<HHHLL", 0, 0, 0, 0o100644 << 16, offset)
        directory += b"PK\x01\x02" + struct.pack("<H", 0x314) + fields + tail + name
        offset += 30 + len(name) + entry.size
        count += 1
    yield directory
    yield b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, count, count, len(directory), offset, 0)


# What is checked.


def check(source: Any, trusted: Iterable[bytes], report: Report) -> Report:
    """Check every file, the signature, the journal's chain and the approvals of a pack; return the report."""
    try:
        _check(source, list(trusted), report)
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as error:
        report.add("TAMPERED", MANIFEST, "does not describe a pack: %r" % error)
    return report


def _check(source: Any, trusted: List[bytes], report: Report) -> None:
    manifest = _manifest(source, report)
    if manifest is None:
        return
    content, document = manifest
    # A changed manifest would blame the files that it lists: what was signed comes first.
    _check_signature(source, content, document, trusted, report)
    _check_files(source, document, report)
    journal = _check_entries(source, report)
    approvals = _check_approvals(source, journal, report)
    calls = _check_calls(source, journal, approvals, report)
    _check_receipts(source, journal, approvals, calls, report)
    if isinstance(source, Zip) and report.verdict != "TAMPERED":
        source.check_container(report)


def _read(source: Any, name: str) -> bytes:
    with source.open(name) as file:
        content: bytes = file.read(MAX_JSON + 1)
    if len(content) > MAX_JSON:
        raise ValueError("larger than %d bytes" % MAX_JSON)
    return content


def _manifest(source: Any, report: Report) -> Optional[Tuple[bytes, Dict[str, Any]]]:
    if MANIFEST not in source.names:
        report.add("MISSING", MANIFEST, "is not in the pack")
        return None
    try:
        content = _read(source, MANIFEST)
        document = parse(content)
        if canonical(document) != content or not all(isinstance(item["path"], str) for item in document["files"]):
            raise ValueError("not canonical")
    except (*UNREADABLE, KeyError, TypeError) as error:
        report.add("TAMPERED", MANIFEST, "cannot be read: %s" % error)
        return None
    return content, document


def _check_files(source: Any, document: Dict[str, Any], report: Report) -> None:
    present, listed = set(source.names), set()
    for item in document["files"]:
        path = item["path"]
        if path in listed or not safe(path):
            report.add("TAMPERED", path, "is listed twice or has a name that leads out of the pack")
        elif path not in present:
            report.add("MISSING", path, "is listed in the manifest and not in the pack")
        else:
            _check_file(source, item, report)
        listed.add(path)
    for name in sorted(present - listed - {MANIFEST, ENVELOPE}):
        if name.startswith(NOTARY):
            report.notes.append("%s is not covered by the seal and was not checked." % name)
        else:
            report.add("TAMPERED", name, "is in the pack and not listed in the manifest")


def _check_file(source: Any, item: Dict[str, Any], report: Report) -> None:
    hasher, size = hashlib.sha256(), 0
    try:
        with source.open(item["path"]) as file:
            for chunk in iter(lambda: file.read(CHUNK), b""):
                hasher.update(chunk)
                size += len(chunk)
                if size > item["size"]:
                    break
    except UNREADABLE as error:
        report.add("TAMPERED", item["path"], "cannot be read: %s" % error)
        return
    report.counts["files"] += 1
    if (size, hasher.hexdigest()) != (item["size"], item["sha256"]):
        report.add("TAMPERED", item["path"], "is not the content that was sealed")


def _check_signature(source: Any, content: bytes, document: Dict[str, Any], trusted: List[bytes], report: Report) -> None:
    if ENVELOPE not in source.names:
        report.add("UNSIGNED", ENVELOPE, "is not in the pack: nobody signed it")
        return
    try:
        payload, signatures, signed = _envelope(_read(source, ENVELOPE))
        own = strict_base64(document["signer"]["public"])
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as error:
        report.add("TAMPERED", ENVELOPE, "does not hold: %s" % error)
        return
    if not signatures:
        report.add("UNSIGNED", ENVELOPE, "holds no signature")
        return
    message = pae(PAYLOAD_TYPE, payload)
    known = any(_fits(key, message, signatures) for key in trusted)
    if not known and not _fits(own, message, signatures):
        report.add("TAMPERED", ENVELOPE, "holds a signature that neither a given key nor the pack's own made")
    elif signed != hashlib.sha256(content).hexdigest():
        report.add("TAMPERED", MANIFEST, "is not the manifest that was signed")
    elif known:
        return
    elif trusted:
        report.add("UNTRUSTED_KEY", ENVELOPE, "is signed by another key than those given")
    else:
        report.add("UNTRUSTED_KEY", ENVELOPE, "holds, but the key came only from the pack; give one with --key")


def _envelope(raw: bytes) -> Tuple[bytes, List[Tuple[str, bytes]], str]:
    """Return the payload of a DSSE envelope, its signatures and the digest of the manifest that they are about."""
    envelope = parse(raw)
    payload = strict_base64(envelope["payload"])
    statement = parse(payload)
    if canonical(envelope) != raw or envelope["payloadType"] != PAYLOAD_TYPE or statement["_type"] != STATEMENT_TYPE:
        raise ValueError("it is not an in-toto Statement in a DSSE envelope")
    (subject,) = statement["subject"]
    signed = subject["digest"]["sha256"]
    if subject != {"name": MANIFEST, "digest": {"sha256": signed}}:
        raise ValueError("it speaks of something else than a manifest")
    return payload, [(item["keyid"], strict_base64(item["sig"])) for item in envelope["signatures"]], signed


def _fits(key: bytes, message: bytes, signatures: List[Tuple[str, bytes]]) -> bool:
    key_id = hashlib.sha256(key).hexdigest()
    return any(name == key_id and signed_by(key, message, signature) for name, signature in signatures)


def _lines(source: Any, name: str, report: Report) -> Iterator[Tuple[str, Dict[str, Any]]]:
    """Yield each record of a JSON Lines file with its place, as long as they can be read."""
    if name not in source.names:
        return
    place = name
    try:
        with source.open(name) as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_JSON), b""), 1):
                place = "%s:%d" % (name, number)
                record = parse(line)
                if not isinstance(record, dict):
                    raise ValueError("not an object")
                yield place, record
    except (*UNREADABLE, KeyError, TypeError, AttributeError) as error:
        report.add("TAMPERED", place, "cannot be read: %s" % error)


class Journal:
    """What the entries of a pack say, for the records to be compared with."""

    def __init__(self) -> None:
        self.hashes: Dict[Tuple[Any, Any], str] = {}
        self.asked: Dict[str, str] = {}
        self.decided: Dict[str, Dict[str, Any]] = {}
        self.votes: Dict[str, List[Tuple[str, str, str]]] = {}
        self.started: Dict[str, str] = {}
        self.results: Dict[str, str] = {}

    def note(self, entry: Dict[str, Any], where: str) -> None:
        kind, data = entry["kind"], entry["data"]
        subject = str(entry["subject"]["id"])
        if kind == "approval:requested":
            self.asked[subject] = where
        elif kind == "approval:decided":
            self.decided[subject] = data
        elif kind == "approval:voted":
            self.votes.setdefault(subject, []).append((entry["actor"]["name"], data["verdict"], data["digest"]))
        elif kind in ("step:started", "undo:started") and "call" in data:
            self.started[data["call"]] = where
        elif kind == "step:finished" and "call" in data and "result" in data:
            self.results[data["call"]] = data["result"]


def _check_entries(source: Any, report: Report) -> Journal:
    """Follow each stream's chain; return what the entries say."""
    heads: Dict[str, Tuple[int, str]] = {}
    journal = Journal()
    for place, entry in _lines(source, ENTRIES, report):
        report.counts["entries"] += 1
        stream, found = str(entry.get("stream")), entry.pop("hash", None)
        seq, previous = heads.get(stream, (0, ""))
        where = "%s (%s #%s)" % (place, stream, entry.get("seq"))
        if digest(entry) != found:
            report.add("TAMPERED", where, "is not the entry that was hashed")
        elif (entry.get("seq"), entry.get("prev")) != (seq + 1, previous):
            report.add("TAMPERED", where, "does not follow entry #%d: one was removed, inserted or moved" % seq)
        heads[stream] = (entry.get("seq", 0), str(found))
        journal.hashes[stream, entry.get("seq")] = str(found)
        journal.note(entry, where)
    return journal


def _check_approvals(source: Any, journal: Journal, report: Report) -> Dict[str, Dict[str, Any]]:
    """Compute each approval's digests again, and compare who decided with the journal; return the approvals by request."""
    approvals: Dict[str, Dict[str, Any]] = {}
    for place, record in _lines(source, APPROVALS, report):
        report.counts["approvals"] += 1
        where = "%s (approval %s)" % (place, record["id"])
        if record["id"] in approvals:
            report.add("TAMPERED", where, "is in the pack twice")
        if digest(record["document"]) != record["digest"] or digest(record["document"]["call"]) != record["call_digest"]:
            report.add("STALE_APPROVAL", where, "carries another document than the digest that was decided on")
        _check_decision(record, where, journal, report)
        approvals[record["id"]] = record
    for request, where in journal.asked.items():
        if request not in approvals:
            report.add("MISSING", where, "asked for approval %s, which is not in the pack" % request)
    return approvals


def _check_decision(record: Dict[str, Any], where: str, journal: Journal, report: Report) -> None:
    noted = journal.decided.get(record["id"])
    if noted is not None and noted.get("digest", record["digest"]) != record["digest"]:
        report.add("STALE_APPROVAL", where, "was decided on another digest, as the journal says")
    for decision in record["decisions"]:
        if decision["digest"] != record["digest"]:
            report.add("STALE_APPROVAL", where, "was decided by %s on another digest" % decision["by"])
    votes = [(decision["by"], decision["verdict"], decision["digest"]) for decision in record["decisions"]]
    if record["id"] in journal.asked and sorted(votes) != sorted(journal.votes.get(record["id"], [])):
        report.add("TAMPERED", where, "names other votes than the journal")
    if record["status"] not in ("approved", "executed"):
        return
    if noted is None or noted.get("status", "approved") != "approved":
        report.add("MISSING", where, "was %s, and no entry of the journal says that it was approved" % record["status"])
    people = {by for by, verdict, seen in votes if verdict == "approve" and seen == record["digest"]}
    if len(people) < record["quorum"] and not (noted or {}).get("by_timeout"):
        report.add("STALE_APPROVAL", where, "was approved by %d people where %d were needed" % (len(people), record["quorum"]))


def _check_calls(
    source: Any, journal: Journal, approvals: Dict[str, Dict[str, Any]], report: Report
) -> Dict[str, List[Dict[str, Any]]]:
    """Compare each call with what was approved and with the journal; return the ones that succeeded by their approval."""
    made: Dict[str, List[Dict[str, Any]]] = {}
    seen = set()
    for place, call in _lines(source, CALLS, report):
        report.counts["calls"] += 1
        where = "%s (call %s)" % (place, call["id"])
        if call["id"] in seen:
            report.add("TAMPERED", where, "is in the pack twice")
        seen.add(call["id"])
        _check_noted(call, journal, where, report)
        if call.get("approval") and call["approval"] not in approvals:
            report.add("MISSING", where, "refers to approval %s, which is not in the pack" % call["approval"])
        elif call.get("approval"):
            _check_consent(call, approvals[call["approval"]], where, report)
            made.setdefault(call["approval"], []).extend([call] if call["status"] == "succeeded" else [])
    for call_id, where in journal.started.items():
        if call_id not in seen:
            report.add("MISSING", where, "started call %s, which is not in the pack" % call_id)
    return made


def _check_noted(call: Dict[str, Any], journal: Journal, where: str, report: Report) -> None:
    if call["purpose"] in ("step", "undo") and call["id"] not in journal.started:
        report.add("TAMPERED", where, "is a call that no entry of the journal started")
    if journal.results.get(call["id"], call["result_digest"]) != call["result_digest"]:
        report.add("TAMPERED", where, "has another result than the journal says")


def _check_consent(call: Dict[str, Any], approval: Dict[str, Any], where: str, report: Report) -> None:
    consent, params = approval["document"]["call"], approval["document"]["call"].get("params")
    for field in ("action", "adapter", "adapter_version", "instance", "live"):
        if field in consent and field in call and call[field] != consent[field]:
            report.add("STALE_APPROVAL", where, "differs in %s from what was approved" % field)
    if call["step"].split("[")[0] != consent["step"]:
        report.add("STALE_APPROVAL", where, "differs in step from what was approved")
    # One consent may cover a list of calls, each with parameters of its own.
    if call["params_digest"] not in [digest(params)] + [digest(item) for item in params if isinstance(params, list)]:
        report.add("STALE_APPROVAL", where, "differs in params_digest from what was approved")


def _check_receipts(
    source: Any,
    journal: Journal,
    approvals: Dict[str, Dict[str, Any]],
    calls: Dict[str, List[Dict[str, Any]]],
    report: Report,
) -> None:
    given = set()
    for place, record in _lines(source, RECEIPTS, report):
        report.counts["receipts"] += 1
        where, receipt = "%s (approval %s)" % (place, record["approval"]), record["receipt"]
        given.add(record["approval"])
        approval = approvals.get(record["approval"])
        if approval is None:
            report.add("MISSING", where, "is for an approval that is not in the pack")
            continue
        if (receipt.get("request"), receipt.get("call")) != (approval["digest"], approval["call_digest"]):
            report.add("STALE_APPROVAL", where, "is for another request or call than the one that was approved")
        noted = receipt.get("journal") or {}
        if noted and journal.hashes.get((noted.get("stream"), noted.get("seq"))) != noted.get("hash"):
            report.add("TAMPERED", where, "names entry #%s of the journal by another hash" % noted.get("seq"))
        _check_receipt(receipt, approval, calls.get(record["approval"], []), where, report)
    for request, made in calls.items():
        if made and request not in given and approvals[request]["outcome"] in ("executed", "undone"):
            where = "%s (approval %s)" % (RECEIPTS, request)
            report.add("MISSING", where, "has no receipt for call %s" % made[0]["id"])


def _check_receipt(
    receipt: Dict[str, Any], approval: Dict[str, Any], made: List[Dict[str, Any]], where: str, report: Report
) -> None:
    """Compare what a receipt says was sent, answered and decided with the records of it."""
    said = sorted((item["by"], item["verdict"], item["at"]) for item in receipt.get("deciders", []))
    if "deciders" in receipt and said != sorted((item["by"], item["verdict"], item["at"]) for item in approval["decisions"]):
        report.add("STALE_APPROVAL", where, "names other deciders than the approval")
    if not made:
        report.add("MISSING", where, "is for a call that is not in the pack")
        return
    results = [call["result_digest"] for call in made]
    expected = {
        "adapter": made[0]["adapter"], "adapter_version": made[0]["adapter_version"], "live": made[0]["live"],
        "result_sha256": digest(results) if "calls" in receipt else results[0],
    }
    if "calls" in receipt:
        expected["calls"] = len(made)
    else:
        expected["params_sha256"] = made[0]["params_digest"]
    for field, value in expected.items():
        if field in receipt and receipt[field] != value:
            report.add("TAMPERED", where, "differs in %s from the call that was made" % field)


# The command.


def read_keys(given: str) -> List[bytes]:
    """Return the raw public keys in a file (base64, PEM, keys.json) or in base64 text; raises ValueError where there is none."""
    text = given
    if os.path.isfile(given):
        with open(given, encoding="utf-8") as file:
            text = file.read(1 << 20)
    if text.lstrip().startswith("{"):
        return [base64.b64decode(key["public"]) for key in json.loads(text)["keys"]]
    body = "".join(line.strip() for line in text.splitlines() if not line.startswith("-----"))
    key = base64.b64decode(body, validate=True)[-32:]
    if len(key) != 32:
        raise ValueError("an ed25519 key has 32 bytes")
    return [key]


def verify(path: str, trusted: Iterable[bytes]) -> Report:
    """Verify the zip or folder at `path`."""
    report = Report()
    try:
        source: Any = Folder(path, report) if os.path.isdir(path) else Zip(path, report)
    except UNREADABLE as error:
        report.add("TAMPERED", os.path.basename(path), "cannot be read as a pack: %s" % error)
        return report
    with contextlib.closing(source.archive) if isinstance(source, Zip) else contextlib.nullcontext():
        return check(source, trusted, report)


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(description="Verify an evidence pack.", epilog=(__doc__ or "").split("\n\n")[-1])
    parser.add_argument("pack", nargs="?", default=os.path.dirname(os.path.abspath(__file__)), help="the zip, or the folder")
    parser.add_argument("--key", action="append", default=[], help="a trusted public key: a file, or base64")
    parser.add_argument("--json", action="store_true", help="answer as JSON")
    options = parser.parse_args(arguments)
    try:
        trusted = [key for given in options.key for key in read_keys(given)]
        if not os.path.exists(options.pack):
            raise ValueError("there is no such file or folder: %s" % options.pack)
    except (ValueError, KeyError, TypeError, OSError) as error:
        print("verify.py: %s" % error, file=sys.stderr)
        return 64
    report = verify(options.pack, trusted)
    answer = report.to_dict()
    if options.json:
        print(json.dumps(answer, indent=2))
        return report.exit_code
    lines = [report.verdict]
    lines += ["  {verdict}  {where}: {why}".format(**finding) for finding in answer["findings"]]
    lines += ["  note  %s" % note for note in report.notes]
    lines += ["  checked: " + ", ".join("%d %s" % (count, what) for what, count in report.counts.items())]
    # What the pack says of itself may try to steer a terminal.
    print("\n".join(line.encode("unicode_escape").decode("ascii") for line in lines))
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
