"""Ids, time, secrets, private files, redaction, signing, blobs: what everything stands on."""

import datetime as dt
import enum
import errno
import stat
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from core import blobs, canonical, clock, ids, private_files, redaction, secrets, signing

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)


@pytest.fixture
def data(settings: Any, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


class TestIds:
    def test_each_is_greater_than_the_one_before(self) -> None:
        made = [ids.new() for _ in range(5000)]
        assert made == sorted(set(made))

    def test_they_are_of_version_seven(self) -> None:
        assert (ids.new().version, ids.new().variant) == (7, uuid.RFC_4122)


class TestClock:
    def test_a_time_is_written_in_utc_with_microseconds(self) -> None:
        there = dt.datetime(2026, 3, 4, 7, 6, 7, 8, tzinfo=dt.timezone(dt.timedelta(hours=2)))
        assert clock.iso(there) == "2026-03-04T05:06:07.000008Z"

    def test_what_is_written_is_read_back(self) -> None:
        assert clock.parse(clock.iso(NOW)) == NOW

    @pytest.mark.parametrize("text", ["2026-03-04T05:06:07", "yesterday", ""])
    def test_a_text_that_names_no_time_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"time zone|Invalid"):
            clock.parse(text)


class Word(enum.Enum):
    ONE = "one"


FLAT = st.none() | st.booleans() | st.integers(-(2**52), 2**52) | st.floats(allow_nan=False, allow_infinity=False) | st.text()


class TestCanonical:
    @given(st.recursive(FLAT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)))
    def test_it_is_the_form_of_the_standard(self, value: Any) -> None:
        assert canonical.dumps(value) == rfc8785.dumps(canonical.plain(value))  # type: ignore[arg-type]

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", object(), "\ud800", {"\ud800": 1}])
    def test_what_has_no_form_is_refused(self, value: object) -> None:
        with pytest.raises(canonical.NotCanonical):
            canonical.dumps({"value": value})

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (2**53, '"9007199254740992"'), (-(2**60), '"-1152921504606846976"'), (1e300, None), (Word.ONE, '"one"'),
            ({"b", "a"}, '["a","b"]'), ((1, 2), "[1,2]"), (NOW, '"2026-03-04T05:06:07.000000Z"'),
        ],
    )  # fmt: skip
    def test_odd_values_travel_as_text(self, value: object, text: str | None) -> None:
        assert canonical.dumps(value).decode() == (text or f'"{int(1e300)}"')


class TestSecrets:
    @pytest.fixture(autouse=True)
    def _ring(self, data: Path) -> Any:
        secrets.ring.cache_clear()
        yield
        secrets.ring.cache_clear()

    def test_what_is_encrypted_opens_again(self) -> None:
        assert secrets.decrypt(secrets.encrypt(b"x")) == b"x"

    def test_an_older_key_still_opens(self, settings: Any) -> None:
        old, new = (Fernet.generate_key().decode() for _ in "12")
        settings.SECRET_KEYS = [new, old]
        assert secrets.decrypt(Fernet(old).encrypt(b"x")) == b"x"

    def test_a_rotated_secret_needs_the_newest_key_alone(self, settings: Any) -> None:
        old, new = (Fernet.generate_key().decode() for _ in "12")
        settings.SECRET_KEYS = [new, old]
        assert Fernet(new).decrypt(secrets.rotate(Fernet(old).encrypt(b"x"))) == b"x"

    def test_a_secret_without_its_key_says_so(self) -> None:
        with pytest.raises(secrets.UnreadableSecret, match="RUNBOOKPILOT_SECRET_KEYS"):
            secrets.decrypt(Fernet(Fernet.generate_key()).encrypt(b"x"))


class TestPrivateFiles:
    def test_only_their_owner_reads_them(self, tmp_path: Path) -> None:
        private_files.write_private(tmp_path / "keys" / "a", b"x")
        assert stat.S_IMODE((tmp_path / "keys" / "a").stat().st_mode) == 0o600

    def test_the_one_that_was_first_stays(self, tmp_path: Path) -> None:
        for content in (b"first", b"second"):
            private_files.write_private(tmp_path / "a", content)
        assert (tmp_path / "a").read_bytes() == b"first"
        assert list(tmp_path.iterdir()) == [tmp_path / "a"]

    def test_of_one_that_a_full_disk_does_not_take_nothing_stays(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(private_files.os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            private_files.write_private(tmp_path / "a", b"a key")
        assert list(tmp_path.iterdir()) == []

    def test_threads_that_begin_at_once_agree(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: private_files.secret_key(tmp_path / "key"), range(40)))
        assert len(set(found)) == 1

    def test_a_key_is_made_once(self, tmp_path: Path) -> None:
        assert private_files.secret_key(tmp_path / "key") == private_files.secret_key(tmp_path / "key")


class TestRedaction:
    @pytest.mark.parametrize(
        "name", ["password", "api_key", "apiKey", "Authorization", "client_secret", "access_token", "private_key", "session_id"]
    )
    def test_a_secret_s_field_is_masked_at_any_depth(self, name: str) -> None:
        assert redaction.redact({"a": [{name: "s3cret"}]}) == {"a": [{name: redaction.MASK}]}

    @pytest.mark.parametrize(
        "text", ["Authorization: Bearer abcdefghijkl", "password=hunter2", "postgres://user:hunter2@db/x", "token: abcdefgh1234"]
    )
    def test_a_credential_in_text_is_masked(self, text: str) -> None:
        found = redaction.text(text)
        assert redaction.MASK in found
        assert not {"hunter2", "abcdefghijkl", "abcdefgh1234"} & set(found.replace("@", " ").split())

    def test_what_is_no_secret_stays(self) -> None:
        value = {"host": "ws-7", "count": 3, "none": None, "password": ""}
        assert redaction.redact(value) == value


class TestSigning:
    def test_a_signature_holds_for_its_message_alone(self, data: Path) -> None:
        signature = signing.sign(b"x")
        assert signing.verify(b"x", signature, signing.public_keys())
        assert not signing.verify(b"y", signature, signing.public_keys())

    def test_the_newest_key_signs_and_all_verify(self, data: Path) -> None:
        old = signing.sign(b"x")
        signing.generate(clock.now())
        new = signing.sign(b"x")
        assert old.key_id != new.key_id
        assert signing.verify(b"x", old, signing.public_keys())

    def test_another_s_key_of_the_same_name_does_not_verify(self, data: Path) -> None:
        signature = signing.sign(b"x")
        other = signing.PublicKey(signature.key_id, "A" * 43 + "=", "2026-01-01T00:00:00Z")
        broken = signing.PublicKey(signature.key_id, "x", "2026-01-01T00:00:00Z")
        assert not signing.verify(b"x", signature, [other, broken])

    def test_a_private_key_is_its_owner_s(self, data: Path) -> None:
        assert stat.S_IMODE(signing.generate(NOW).stat().st_mode) == 0o600


class TestBlobs:
    def test_the_same_content_is_kept_once(self, data: Path) -> None:
        assert blobs.put(b"abc") == blobs.put(iter([b"a", b"bc"]))
        assert len([path for path in (data / "blobs").rglob("*") if path.is_file()]) == 1

    def test_content_that_is_gone_says_so(self, data: Path) -> None:
        with pytest.raises(blobs.BlobMissing, match="missing"):
            blobs.read("0" * 64)

    @pytest.mark.parametrize("name", ["../../etc/passwd", "", "G" * 64, "0" * 63])
    def test_a_name_that_is_no_digest_leads_nowhere(self, data: Path, name: str) -> None:
        with pytest.raises(ValueError, match="not a sha256"):
            blobs.path(name)

    def test_a_source_that_breaks_leaves_nothing_behind(self, data: Path) -> None:
        def broken() -> Any:
            yield b"a"
            raise OSError

        with pytest.raises(OSError):  # noqa: PT011
            blobs.put(broken())
        assert [path for path in (data / "blobs").rglob("*") if path.is_file()] == []
